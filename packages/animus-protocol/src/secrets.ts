/**
 * Which keys hold secrets, and how a secret may be shown: never itself, only by its fingerprint.
 */
const SECRET = /KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|HASH|SESSION|PHONE/i;
/** A measure or a place is no secret, whatever it is about: SESSION_TIMEOUT, TOKEN_LIMIT, KEY_FILE. */
const MEASURE = /_(TIMEOUT|LIMIT|TTL|INTERVAL|DELAY|LENGTH|SIZE|COUNT|DAYS|SECONDS|MS|MAX|MIN|FILE|PATH|DIR|ENABLED|REQUIRED)$/i;
/** Shorter values are ordinary words and numbers; taking them out of every log line would spoil it. */
const SHORTEST_SECRET = 6;

export function isSecretKey(key: string): boolean {
  return SECRET.test(key) && !MEASURE.test(key);
}

/** The values that must never be shown, longest first, so that one that contains another is taken out whole. */
export function secretValues(environment: Readonly<Record<string, string>>): string[] {
  const values = Object.entries(environment).flatMap(([key, value]) =>
    isSecretKey(key) && value.length >= SHORTEST_SECRET && !isPlaceholder(value) ? [value] : [],
  );
  return [...new Set(values)].sort((a, b) => b.length - a.length);
}

/** By this two people can tell whether they speak of the same key: the first 48 bits of its SHA-256. */
export function fingerprint(secret: string): string {
  // Not an import: this file is in every program of ours, and node:crypto takes 5 ms to load.
  const { createHash } = process.getBuiltinModule('node:crypto');
  return `sha256:${createHash('sha256').update(secret).digest('hex').slice(0, 12)}`;
}

/** What the templates and the seed put where a person must write: `your_agent_specific_api_key`. */
export function isPlaceholder(value: string): boolean {
  return /^<?your[_-][a-z0-9_-]*>?$/i.test(value.trim());
}
