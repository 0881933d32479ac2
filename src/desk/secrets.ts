const secretName = /passw|passphrase|(^|[^a-z])pass$|secret|token|credential|key$/i

/**
 * The same value, with whatever a field's name says to be a secret hidden. For free-form fields (`setup`, `tls`,
 * `options`), which are shown to others than those who wrote them.
 */
export function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      hides(name, inner) ? '[secret]' : withoutSecrets(inner),
    ]),
  )
}

function hides(name: string, value: unknown): boolean {
  return secretName.test(name) && value !== null && value !== undefined && typeof value !== 'boolean'
}
