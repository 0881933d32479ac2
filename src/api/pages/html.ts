import type { FastifyReply } from 'fastify'

/** HTML that is safe to send. */
export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A template whose values are escaped, unless they are HTML themselves. */
export function html(strings: TemplateStringsArray, ...values: (string | number | Html | Html[])[]): Html {
  const parts = values.map(value => {
    if (Array.isArray(value)) return value.map(part => part.text).join('')
    if (value instanceof Html) return value.text
    return String(value).replace(/[&<>"']/g, character => entities[character] ?? '')
  })
  return new Html(strings.reduce((text, string, index) => text + (parts[index - 1] ?? '') + string))
}

/** Answers with a whole page, plain and readable without scripts. */
export function sendPage(reply: FastifyReply, title: string, body: Html): FastifyReply {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · ipbridge</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
<main>
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`
  return reply.header('cache-control', 'no-store').type('text/html; charset=utf-8').send(page.text)
}

export const stylesheet = `:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }
body { margin: 0 }
main { max-width: 42rem; margin: 0 auto; padding: 2rem 1rem }
label { display: block; margin: 1rem 0 0.25rem }
input { box-sizing: border-box; width: 100%; max-width: 30rem; padding: 0.5rem; font: inherit }
button { margin-top: 1rem; padding: 0.5rem 1rem; font: inherit }
[role='alert'] { padding: 0.5rem 1rem; border-left: 0.25rem solid #c62828 }
table { border-collapse: collapse }
th, td { padding: 0.25rem 1rem 0.25rem 0; text-align: left; vertical-align: top }
`
