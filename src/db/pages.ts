/**
 * Reads rows page by page, each page from behind the last row of the one before, so that rows which come and go
 * meanwhile move nothing.
 * @param pages.size the most rows of a page; a shorter one is the last
 * @param pages.after the key to begin behind; default: from the start
 * @param pages.keyOf what the rows are ordered by
 * @param pages.read gives the rows behind a key, in order
 */
export async function* pagesOf<Row, Key>(pages: {
  size: number
  after?: Key | undefined
  keyOf: (row: Row) => Key
  read: (after: Key | undefined) => Promise<Row[]>
}): AsyncGenerator<Row[]> {
  const { size, keyOf, read } = pages
  for (let { after } = pages; ; ) {
    const rows = await read(after)
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows
    if (rows.length < size) return
    after = keyOf(last)
  }
}
