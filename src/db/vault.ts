import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { IpbridgeError } from '../errors.ts'

/** Seals secrets before they are stored. */
export interface Vault {
  /** @param place where the secret is stored, such as `connection:<id>:password`: it opens nowhere else */
  seal(secret: string, place: string): string
  open(sealed: string, place: string): string
  /** Whether it was sealed with a key other than the first, and so wants sealing anew. */
  isOutdated(sealed: string): boolean
}

const version = 'v1'

/**
 * AES-256-GCM with a random 96-bit nonce; the place is authenticated with the secret, so that a sealed value
 * copied to another row cannot be opened there.
 *
 * @param keys 32 bytes each: the first seals, all of them open, which is how keys are rotated
 */
export function createVault(keys: readonly Buffer[]): Vault {
  const [current] = keys
  if (current === undefined) throw new IpbridgeError('invalid_configuration', 'IPBRIDGE_SECRET holds no key')
  const byId = new Map(keys.map(key => [keyId(key), key]))
  const currentId = keyId(current)

  return {
    seal(secret, place) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', current, nonce).setAAD(Buffer.from(place))
      const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
      const parts = [nonce, cipher.getAuthTag(), text].map(part => part.toString('base64url'))
      return [version, currentId, ...parts].join('.')
    },

    open(sealed, place) {
      const [, id = '', nonce = '', tag = '', text = ''] = sealed.split('.')
      const key = byId.get(id)
      if (key === undefined) {
        throw new IpbridgeError(
          'invalid_configuration',
          `the secret at ${place} was sealed with a key that IPBRIDGE_SECRET does not hold; add the old key after the new one, separated by a comma`,
        )
      }
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), {
          authTagLength: 16,
        })
          .setAAD(Buffer.from(place))
          .setAuthTag(Buffer.from(tag, 'base64url'))
        return decipher.update(Buffer.from(text, 'base64url'), undefined, 'utf8') + decipher.final('utf8')
      } catch (cause) {
        throw new IpbridgeError(
          'internal',
          `the secret at ${place} is damaged or belongs elsewhere; enter it anew`,
          {
            cause,
          },
        )
      }
    },

    isOutdated: sealed => sealed.split('.')[1] !== currentId,
  }
}

/** Names a key without telling anything about it. */
function keyId(key: Buffer): string {
  return createHash('sha256').update('ipbridge key id').update(key).digest('base64url').slice(0, 8)
}
