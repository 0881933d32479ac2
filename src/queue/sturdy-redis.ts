import { Redis, type RedisOptions } from 'ioredis'

/** What ioredis keeps of its watch over a connection that leaves commands without an answer. */
interface Watch {
  socketTimeoutTimer: NodeJS.Timeout | undefined
}

/**
 * A connection to Redis whose watch over silence ends with the connection. By itself ioredis (until version 6) lets it
 * go on when the connection was lost in the middle of a command, and when the time of that command is over, gives up
 * the next connection, as well as that may be: each restart of Redis would cut off its workers twice. Those of a
 * cluster are not mended by connecting anew, but replaced.
 */
export class SturdyRedis extends Redis {
  constructor(options: RedisOptions) {
    super(options)
    const watch = this as unknown as Watch
    this.on('close', () => {
      clearTimeout(watch.socketTimeoutTimer)
      watch.socketTimeoutTimer = undefined
    })
  }

  /** Each worker has one of its own to wait for jobs. */
  override duplicate(override: Partial<RedisOptions> = {}): SturdyRedis {
    return new SturdyRedis({ ...this.options, ...override })
  }
}
