/** What the commands answer, as text. The values may come from a Broca of another version: what is missing is left out. */

export function showAccount(value: unknown): string {
  const username = textIn(value, 'username');
  const name = textIn(value, 'name');
  const id = textIn(value, 'id') ?? '?';
  const kind = fieldOf(value, 'isBot') === true ? 'bot ' : '';
  const words = [
    username === null ? null : `@${username}`,
    name === null || name === '' ? null : `"${inOneLine(name)}"`,
    `(${kind}id ${id})`,
  ];
  return `${words.filter((word) => word !== null).join(' ')}\n`;
}

/** Anybody may give themselves any name: one that breaks the line, or turns its direction, must not pass for words of ours. */
function inOneLine(name: string): string {
  return name.replace(/[\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}

export function showCode(value: unknown): string {
  const code = textIn(value, 'code') ?? '?';
  const account = fieldOf(value, 'account');
  const username = textIn(account, 'username');
  const isBot = fieldOf(account, 'isBot') === true;
  const whom = username === null ? 'this account' : `@${username}`;
  const link = isBot && username !== null ? `\nOr open https://t.me/${username}?start=${code}` : '';
  return `Send this code to ${whom} in Telegram, within 10 minutes, to become the owner: ${code}${link}\n`;
}

export function showPairing(value: unknown): string {
  const owner = fieldOf(value, 'owner');
  const lines = [owner === null ? 'Owner: nobody has paired.' : `Owner: ${showAccount(owner).trimEnd()}`];
  for (const friend of listIn(value, 'friends')) lines.push(`Let in: ${showAccount(friend).trimEnd()}`);
  for (const request of listIn(value, 'requests'))
    lines.push(`Waits: ${showAccount(request).trimEnd()}; they tell you a code: broca telegram pair approve CODE`);
  return `${lines.join('\n')}\n`;
}

export function showStatus(value: unknown): string {
  const connection = fieldOf(value, 'connection');
  const account = fieldOf(value, 'account');
  const owner = fieldOf(value, 'owner');
  const reason = textIn(connection, 'reason');
  const state = connection === null ? 'does not run' : `${textIn(connection, 'kind') ?? '?'}${reason === null ? '' : `: ${reason}`}`;
  const lines = [
    `Connection: ${state}`,
    `Logged in: ${account === null ? 'nobody' : showAccount(account).trimEnd()}`,
    `Owner: ${owner === null ? 'none yet (broca telegram pair owner)' : ownerOf(owner)}`,
    `Let in besides: ${fieldOf(value, 'friends') ?? 0}, waiting for it: ${fieldOf(value, 'requests') ?? 0}`,
  ];
  return `${lines.join('\n')}\n`;
}

function ownerOf(owner: unknown): string {
  const username = textIn(owner, 'username');
  const id = textIn(owner, 'id');
  const from = textIn(owner, 'from') === 'pairing' ? 'paired' : 'from .env';
  return `${[username === null ? null : `@${username.replace(/^@/, '')}`, id].filter((word) => word !== null).join(' ')} (${from})`;
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (Reflect.get(value, key) ?? null) : null;
}

/** Names are other people's: what could steer a terminal is taken out. */
function textIn(value: unknown, key: string): string | null {
  const field = fieldOf(value, key);
  return typeof field === 'string' ? field.replace(/\p{Cc}/gu, ' ') : null;
}

function listIn(value: unknown, key: string): unknown[] {
  const field = fieldOf(value, key);
  return Array.isArray(field) ? field : [];
}
