/** Pairing: a short-lived code proves that the person at the terminal and the one in the chat are the same, or know each other. */
import { randomInt } from 'node:crypto';
import { fingerprint } from 'animus-protocol';
import type { ChannelState } from 'broca-core';
import * as v from 'valibot';

/** Without the letters and digits that are mistaken for one another. */
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const LENGTH = 8;

const OWNER_CODE = 'pairing-owner';
const REQUEST = 'pairing:';
const FRIEND = 'friend:';
const OWNER = 'owner';

/** The owner is sitting at the terminal. */
export const OWNER_CODE_MS: number = 10 * 60_000;
/** The owner may be asleep. */
export const REQUEST_MS: number = 24 * 60 * 60_000;
/** Strangers do not fill the disk. */
const MOST_REQUESTS = 50;

export type Person = { id: string; username?: string; name?: string };
export type PairingRequest = Person & { code: string; until: number };
export type Friend = Person & { since: number };

const ownerCode = v.object({ print: v.string(), until: v.number() });
const entries = { id: v.string(), username: v.exactOptional(v.string()), name: v.exactOptional(v.string()) };
const person: v.GenericSchema<Person> = v.object(entries);
const request: v.GenericSchema<PairingRequest> = v.object({ ...entries, code: v.string(), until: v.number() });
const friend: v.GenericSchema<Friend> = v.object({ ...entries, since: v.number() });

/** 40 random bits; told from others by eye and by ear. */
export function newCode(): string {
  const letters = Array.from({ length: LENGTH }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** As a person may type it; null when it cannot be a code. */
export function readCode(written: string): string | null {
  const letters = written.toUpperCase().replace(/[\s-]/g, '');
  if (letters.length !== LENGTH || [...letters].some((letter) => !ALPHABET.includes(letter))) return null;
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** A code that makes whoever sends it the owner. Only its fingerprint is kept; a new one replaces the former. */
export function offerOwnership(state: ChannelState, now: number): string | null {
  const code = newCode();
  return state.put({ [OWNER_CODE]: JSON.stringify({ print: fingerprint(code), until: now + OWNER_CODE_MS }) }) ? code : null;
}

/** Whether this code makes its sender the owner. */
export function isOwnerCode(state: ChannelState, code: string, now: number): boolean {
  const offered = read(ownerCode, state.get(OWNER_CODE));
  return offered !== null && now < offered.until && offered.print === fingerprint(code);
}

export function isOwnershipOffered(state: ChannelState, now: number): boolean {
  return (read(ownerCode, state.get(OWNER_CODE))?.until ?? 0) > now;
}

export function ownerChanges(one: Person): Record<string, string | null> {
  return { [OWNER]: JSON.stringify(one), [OWNER_CODE]: null };
}

export function pairedOwner(state: ChannelState): Person | null {
  return read(person, state.get(OWNER));
}

export function forgetOwner(state: ChannelState): boolean {
  return state.put({ [OWNER]: null });
}

/** The request of somebody who wants in: the former one while it is valid. Null when too many wait. */
export function requestFor(
  state: ChannelState,
  one: Person,
  now: number,
): { request: PairingRequest; changes: Record<string, string | null> } | null {
  const all = requests(state);
  const changes = Object.fromEntries(all.filter(({ until }) => until <= now).map(({ id }) => [REQUEST + id, null]));
  const waiting = all.filter(({ until }) => until > now);
  const former = waiting.find(({ id }) => id === one.id);
  if (former !== undefined) return { request: former, changes };
  if (waiting.length >= MOST_REQUESTS) return null;
  const made: PairingRequest = { ...one, code: newCode(), until: now + REQUEST_MS };
  return { request: made, changes: { ...changes, [REQUEST + one.id]: JSON.stringify(made) } };
}

export function requests(state: ChannelState): PairingRequest[] {
  return state.list(REQUEST).flatMap(([, value]) => read(request, value) ?? []);
}

/** Lets in whoever has this code; null when nobody has. */
export function approve(state: ChannelState, code: string, now: number): Friend | null {
  const found = requests(state).find((one) => one.code === code && one.until > now);
  if (found === undefined) return null;
  const { code: _code, until: _until, ...one } = found;
  const made: Friend = { ...one, since: now };
  return state.put({ [FRIEND + made.id]: JSON.stringify(made), [REQUEST + made.id]: null }) ? made : null;
}

export function friends(state: ChannelState): Friend[] {
  return state.list(FRIEND).flatMap(([, value]) => read(friend, value) ?? []);
}

export function isFriend(state: ChannelState, id: string): boolean {
  return state.get(FRIEND + id) !== null;
}

/** False when nobody of this id was let in. */
export function revoke(state: ChannelState, id: string): boolean {
  return isFriend(state, id) && state.put({ [FRIEND + id]: null });
}

function read<S extends v.GenericSchema>(schema: S, text: string | null): v.InferOutput<S> | null {
  if (text === null) return null;
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
  return parsed.success ? parsed.output : null;
}
