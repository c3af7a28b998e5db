/**
 * A person at Letta: an identity and a memory block of their own, found by key before they are made,
 * so that a crash between the two leaves nothing behind twice. Blocks of one label cannot be attached
 * together, and another's memory would be read: the label is the person's own.
 */

import type { LettaPerson, LettaReply } from './letta.ts';
import { isRecord, textIn, type Verdict } from './letta-rest-policy.ts';
import { type Answer, type LettaWire, reasonOf } from './letta-rest-wire.ts';

export type KnownPerson = { identityId: string | null; blockId: string };

const LONGEST_KEY_IN_LABEL = 45;
const LONGEST_NAME = 200;
const PAGE = 50;

export class LettaPeople {
  readonly #wire: LettaWire;
  readonly #making = new Map<string, Promise<LettaReply<KnownPerson>>>();
  /** Letta is taking identities away; a server without them was met. */
  #hasIdentities = true;

  constructor(wire: LettaWire) {
    this.#wire = wire;
  }

  /** Two calls for one person at a time make one. */
  findOrMake(person: LettaPerson, signal: AbortSignal): Promise<LettaReply<KnownPerson>> {
    const running = this.#making.get(person.key);
    if (running !== undefined) return running;
    const made = this.#findOrMake(person, signal).finally(() => this.#making.delete(person.key));
    this.#making.set(person.key, made);
    return made;
  }

  async #findOrMake(person: LettaPerson, signal: AbortSignal): Promise<LettaReply<KnownPerson>> {
    const identity = person.identityId === null ? await this.#identity(person, signal) : okay(person.identityId);
    if (identity.kind !== 'ok') return identity;
    const block = person.blockId === null ? await this.#block(person, signal) : okay(person.blockId);
    return block.kind === 'ok' ? okay({ identityId: identity.value, blockId: block.value }) : block;
  }

  async #identity(person: LettaPerson, signal: AbortSignal): Promise<LettaReply<string | null>> {
    if (!this.#hasIdentities) return okay(null);
    const found = await this.#findIdentity(person.key, signal);
    if (!found.ok) return this.#withoutIdentities(found.error);
    if (found.value !== null) return okay(found.value);
    const body = { identifier_key: person.key, name: plainName(person.name), identity_type: 'user' };
    const made = await this.#wire.ask((client, until) => client.post<unknown>('/v1/identities/', { body, signal: until }), signal);
    if (made.ok) return withId(made.value);
    // 409: somebody made it in between.
    const again = await this.#findIdentity(person.key, signal);
    if (again.ok && again.value !== null) return okay(again.value);
    return this.#withoutIdentities(made.error);
  }

  async #findIdentity(key: string, signal: AbortSignal): Promise<Answer<string | null>> {
    const query = { identifier_key: key, limit: PAGE };
    const list = await this.#wire.ask((client, until) => client.get<unknown>('/v1/identities/', { query, signal: until }), signal);
    if (!list.ok) return list;
    const known = (Array.isArray(list.value) ? list.value : []).filter(isRecord).find((one) => textIn(one, 'identifier_key') === key);
    return { ok: true, value: known === undefined ? null : textIn(known, 'id') };
  }

  #withoutIdentities(verdict: Verdict): LettaReply<string | null> {
    if (verdict.kind !== 'missing' && verdict.kind !== 'rejected') return notOkay(verdict);
    if (verdict.kind === 'missing') this.#hasIdentities = false;
    this.#wire.log?.info('letta-no-identity', { reason: verdict.reason });
    return okay(null);
  }

  async #block(person: LettaPerson, signal: AbortSignal): Promise<LettaReply<string>> {
    const label = blockLabel(person.key);
    const list = await this.#wire.ask(
      (client, until) => client.blocks.list({ label, limit: PAGE, order: 'asc' }, { signal: until }),
      signal,
    );
    if (!list.ok) return notOkay(list.error);
    const known = list.value.items.find((block) => block.label === label && block.metadata?.['animus_key'] === person.key);
    if (known !== undefined) return okay(known.id);
    const body = {
      label,
      value: `Name: ${plainName(person.name)}`,
      description: 'What you know about the person you are talking to.',
      metadata: { animus_key: person.key },
    };
    const made = await this.#wire.ask((client, until) => client.blocks.create(body, { signal: until }), signal);
    return made.ok ? okay(made.value.id) : notOkay(made.error);
  }

  async attach(blockId: string, signal: AbortSignal): Promise<LettaReply<null>> {
    const done = await this.#attach(blockId, signal);
    if (done.ok) return okay(null);
    // One refusal means "this one is attached" and "another of its label is"; only the list tells.
    if (done.error.kind !== 'conflict') return notOkay(done.error);
    const attached = await this.#attached(signal);
    if (!attached.ok) return notOkay(attached.error);
    if (attached.value.includes(blockId)) return okay(null);
    const labelled = await this.#makeLabelOwn(blockId, signal);
    if (labelled.kind !== 'ok') return labelled;
    const again = await this.#attach(blockId, signal);
    return again.ok ? okay(null) : notOkay(again.error);
  }

  async #attach(blockId: string, signal: AbortSignal): Promise<Answer<unknown>> {
    const params = { agent_id: this.#wire.agentId };
    return await this.#wire.ask((client, until) => client.agents.blocks.attach(blockId, params, { signal: until }), signal);
  }

  /** A block that another program made for its user may have the label of the agent's own. It is given one of its own. */
  async #makeLabelOwn(blockId: string, signal: AbortSignal): Promise<LettaReply<null>> {
    const found = await this.#wire.ask((client, until) => client.blocks.retrieve(blockId, { signal: until }), signal);
    if (!found.ok) return notOkay(found.error);
    const { metadata } = found.value;
    if (metadata?.['animus_key'] !== undefined) return { kind: 'rejected', reason: 'another block of the same label is attached' };
    const body = { label: blockLabel(blockId), metadata: { ...metadata, animus_key: blockId } };
    const done = await this.#wire.ask((client, until) => client.blocks.update(blockId, body, { signal: until }), signal);
    return done.ok ? okay(null) : notOkay(done.error);
  }

  async attachedBlocks(signal: AbortSignal): Promise<LettaReply<string[]>> {
    const attached = await this.#attached(signal);
    return attached.ok ? okay(attached.value) : notOkay(attached.error);
  }

  async detach(blockId: string, signal: AbortSignal): Promise<LettaReply<null>> {
    const params = { agent_id: this.#wire.agentId };
    const done = await this.#wire.ask((client, until) => client.agents.blocks.detach(blockId, params, { signal: until }), signal);
    if (done.ok) return okay(null);
    if (done.error.kind !== 'missing' && done.error.kind !== 'conflict') return notOkay(done.error);
    const attached = await this.#attached(signal);
    if (!attached.ok) return notOkay(attached.error);
    return attached.value.includes(blockId) ? notOkay(done.error) : okay(null);
  }

  async #attached(signal: AbortSignal): Promise<Answer<string[]>> {
    const list = await this.#wire.ask(
      (client, until) => client.agents.blocks.list(this.#wire.agentId, { limit: 100 }, { signal: until }),
      signal,
    );
    return list.ok ? { ok: true, value: list.value.items.map((block) => block.id) } : list;
  }
}

export function okay<T>(value: T): { kind: 'ok'; value: T } {
  return { kind: 'ok', value };
}

export function notOkay(verdict: Verdict): Exclude<LettaReply<never>, { kind: 'ok' }> {
  const reason = reasonOf(verdict);
  switch (verdict.kind) {
    case 'held':
      return { kind: 'held', reason };
    case 'rejected':
    case 'missing':
      return { kind: 'rejected', reason };
    default:
      return { kind: 'unavailable', reason };
  }
}

function withId(value: unknown): LettaReply<string | null> {
  const id = isRecord(value) ? textIn(value, 'id') : null;
  return id === null ? { kind: 'unavailable', reason: 'an identity was made and came without an id' } : okay(id);
}

/** Labels are letters, digits, `_`, `/` and `-`, at most 50; of a longer key the end tells users apart. */
export function blockLabel(key: string): string {
  return `user_${key.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(-LONGEST_KEY_IN_LABEL)}`;
}

/** A name is the person's own words; it becomes one line. */
function plainName(name: string): string {
  const line = name.replaceAll(/\s+/g, ' ').trim().slice(0, LONGEST_NAME);
  return line === '' ? 'unknown' : line;
}
