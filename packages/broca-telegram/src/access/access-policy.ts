/** Decides who may talk to the agent. */

/** Who may: the owner · those on the list as well · those whom the owner let in as well · everybody. */
export type AccessMode = 'owner' | 'list' | 'pairing' | 'open';

export type AccessRules = {
  mode: AccessMode;
  /** The owner's id; null when it is to be learnt. */
  ownerId: string | null;
  /** Lower case, without @; the id counts as soon as it is known. */
  ownerName: string | null;
  /** Ids, and usernames in lower case with @. */
  allow: readonly string[];
};

/** What was learnt so far. */
export type AccessKnowledge = {
  /** Whoever paired as the owner. */
  pairedOwner: string | null;
  /** The id that first came with this username (lower case, without @). */
  pinned(name: string): string | null;
  /** Somebody the owner let in. */
  isFriend(id: string): boolean;
};

export type Standing = 'owner' | 'allowed' | 'stranger';

/** `pin`: the username that from now on means this id and nobody else's. */
export type SenderVerdict = { standing: Standing; pin: string | null };

export function judgeSender(sender: { id: string; username?: string }, rules: AccessRules, known: AccessKnowledge): SenderVerdict {
  const name = sender.username?.toLowerCase() ?? null;
  const owner = matches(rules.ownerName, sender.id, name, known);
  if (sender.id === rules.ownerId || sender.id === known.pairedOwner) return { standing: 'owner', pin: null };
  if (rules.ownerId === null && owner.isMeant) return { standing: 'owner', pin: owner.pin };
  if (rules.mode === 'open') return { standing: 'allowed', pin: null };
  if (rules.mode === 'owner') return { standing: 'stranger', pin: null };
  if (known.isFriend(sender.id)) return { standing: 'allowed', pin: null };
  for (const entry of rules.allow) {
    if (entry === sender.id) return { standing: 'allowed', pin: null };
    const listed = entry.startsWith('@') ? matches(entry.slice(1), sender.id, name, known) : { isMeant: false, pin: null };
    if (listed.isMeant) return { standing: 'allowed', pin: listed.pin };
  }
  return { standing: 'stranger', pin: null };
}

/** Names can be given up and taken by others: the id that first came with one is the one that is meant. */
function matches(wanted: string | null, id: string, name: string | null, known: AccessKnowledge): { isMeant: boolean; pin: string | null } {
  if (wanted === null) return { isMeant: false, pin: null };
  const pinned = known.pinned(wanted);
  if (pinned !== null) return { isMeant: pinned === id, pin: null };
  return name === wanted ? { isMeant: true, pin: wanted } : { isMeant: false, pin: null };
}

/** Whether anybody at all can talk: without, a person should be told what to do. */
export function hasOwner(rules: AccessRules, known: Pick<AccessKnowledge, 'pairedOwner'>): boolean {
  return rules.ownerId !== null || rules.ownerName !== null || known.pairedOwner !== null;
}
