/** What the agent reads of a message: its words, and in parentheses what surrounds them. */

export type InboundWords = {
  text: string;
  /** A place, a contact, a poll. */
  extra: string | null;
  /** Title of the group it was written in; null in a private chat. */
  group: string | null;
  isEdit: boolean;
  /** Who wrote it first, of a forwarded one; `who` is null when that was the agent. */
  forward: { who: string | null } | null;
  /** What it answers; `who` is null when it is the agent's own message. */
  reply: { who: string | null; text: string } | null;
};

/** A quotation is a reminder, not a second message. */
const LONGEST_QUOTE = 400;

export function writeInbound({ text, extra, group, isEdit, forward, reply }: InboundWords): string {
  const lines: string[] = [];
  if (group !== null) lines.push(`(in the group ${quoted(group, 128)})`);
  if (isEdit) lines.push('(an earlier message, changed to this)');
  if (forward !== null) lines.push(`(forwarded, written by ${forward.who === null ? 'you' : quoted(forward.who, 128)})`);
  if (reply !== null)
    lines.push(`(in reply to ${reply.who === null ? 'you' : quoted(reply.who, 128)}: ${quoted(reply.text, LONGEST_QUOTE)})`);
  if (text.trim() !== '') lines.push(text);
  if (extra !== null) lines.push(extra);
  return lines.join('\n');
}

/** On one line, in quotation marks that it cannot close. */
function quoted(text: string, longest: number): string {
  const line = text.replace(/\s+/g, ' ').replaceAll('"', "'").trim();
  const cut = line.length <= longest ? line : `${[...line.slice(0, longest)].slice(0, -1).join('')}…`;
  return `"${cut.toWellFormed()}"`;
}
