/**
 * Takes secrets out of what is about to be written: by value, wherever they appear, and nothing else.
 *
 * It works on the finished line, so that no field, stack or library's message can slip past, and knows
 * each secret in the forms it may have there: as it is, escaped for JSON once or twice (a JSON body
 * quoted in a message), and encoded for a URL.
 */

const REDACTED = '[redacted]';

/** A function that takes the given secrets out of a line of JSON. What was valid JSON stays valid JSON. */
export function createLineRedactor(secrets: readonly string[]): (line: string) => string {
  // Inside a line of JSON a character that must be escaped stands only in its escaped form.
  const forms = secrets.flatMap((secret) => [
    escapeForJson(secret),
    escapeForJson(escapeForJson(secret)),
    ...encoded(escapeForJson(secret), secret),
  ]);
  // An escape sequence is passed over whole: the secret `nabcdef` must not match inside `\nabcdef`, which
  // is a line feed and `abcdef`, and would leave a lone backslash behind.
  return build(forms, '|\\\\(?:u[0-9a-fA-F]{4}|.)');
}

/** The same for text that is not JSON (stderr, what a command prints). */
export function createTextRedactor(secrets: readonly string[]): (text: string) => string {
  return build(
    secrets.flatMap((secret) => [secret, escapeForJson(secret), ...encoded(secret, secret)]),
    '',
  );
}

/** `passOver`: what is stepped over where no form matches, so that none matches inside it. */
function build(given: readonly string[], passOver: string): (text: string) => string {
  const forms = [...new Set(given)].filter((form) => form !== '').sort((a, b) => b.length - a.length);
  if (forms.length === 0) return (text) => text;
  const pattern = new RegExp(`(${forms.map(escapeForPattern).join('|')})${passOver}`, 'gs');
  return (text) => {
    if (!forms.some((form) => text.includes(form))) return text;
    return text.replace(pattern, (match: string, secret: string | undefined) => (secret === undefined ? match : REDACTED));
  };
}

function escapeForJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** As in a query or a path, in either case of its hex digits, and with "+" for blanks as forms have it. */
function encoded(plain: string, secret: string): string[] {
  const url = encodeURIComponent(secret.toWellFormed());
  if (url === plain) return [];
  const lower = url.replaceAll(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase());
  return [url, lower, url.replaceAll('%20', '+'), lower.replaceAll('%20', '+')];
}

function escapeForPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
