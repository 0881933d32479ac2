/** A property string of Proxmox VE (`name=eth0,bridge=vmbr0,ip=192.0.2.7/24`), in order; what we do not know stays in it. */
export type Props = ReadonlyMap<string, string>

/** Reads a property string. Of a part without `=`, the key is the empty text. */
export function parseProps(text: string): Props {
  const parts = text.split(',').filter(part => part !== '')
  return new Map(
    parts.map(part => {
      const sign = part.indexOf('=')
      return sign < 0 ? (['', part] as const) : ([part.slice(0, sign), part.slice(sign + 1)] as const)
    }),
  )
}

export function printProps(props: Props): string {
  return [...props].map(([key, value]) => (key === '' ? value : `${key}=${value}`)).join(',')
}

/** The same with some values changed; undefined leaves a key out. */
export function changedProps(props: Props, changes: Record<string, string | undefined>): Props {
  const changed = new Map(props)
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) changed.delete(key)
    else changed.set(key, value)
  }
  return changed
}
