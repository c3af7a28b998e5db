/**
 * What the agent reads: `[Username: @u, Telegram ID: 1] text`. The header is ours alone: a sender can
 * neither close it nor write a second one that looks the same.
 */
export type PromptInbound = {
  /** The channel's title, as in `Telegram ID`. */
  channelTitle: string;
  senderId: string;
  username: string | null;
  displayName: string | null;
  text: string;
};

export function renderPrompt(inbound: PromptInbound): string {
  const name =
    inbound.username !== null && inbound.username !== ''
      ? `Username: @${field(inbound.username)}`
      : `Name: ${field(inbound.displayName ?? '') || 'unknown'}`;
  return `[${name}, ${field(inbound.channelTitle)} ID: ${field(inbound.senderId)}] ${guard(inbound.text)}`;
}

/** A header's field: one line, without the characters that give the header its shape. */
function field(value: string): string {
  return value
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ')
    .replace(/[[\],]/g, '_')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 128);
}

/** In a message, a bracket that reads as a header or a file's line of ours is marked as the sender's own words. */
function guard(text: string): string {
  return text.replace(/\[(?=[\s\p{Cf}]*(?:(?:user\s*)?name|(?:image\s*)?attachment)\s*:)/giu, '(');
}
