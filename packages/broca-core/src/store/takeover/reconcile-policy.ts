/**
 * What becomes of a message of the original Broca. Its queue tells what it was doing; its message row
 * whether the agent answered. What may have reached the agent is never asked again, what may have
 * reached the person never sent again.
 */

export type OriginalMessage = {
  /** Of its queue row, in lower case; null where it has none. */
  status: string | null;
  attempts: number;
  isProcessed: boolean;
  hasResponse: boolean;
  /** Its sender is among the profiles, so there is somebody to answer. */
  hasSender: boolean;
};

export type Fate = {
  state: 'waiting' | 'settled' | 'parked';
  outcome: 'answered' | 'silent' | 'refused' | 'stored' | 'flushed' | null;
  reason: string | null;
  /** The state of the reply's part; null without a reply. */
  reply: { state: 'sent' | 'uncertain'; reason: string } | null;
  /** The agent may have been asked; a retry must be a person's decision. */
  mayHaveAsked: boolean;
};

export function fateOf(message: OriginalMessage): Fate {
  if (message.hasResponse) return answered(message);
  switch (message.status) {
    case 'completed':
      return settled('silent', null);
    case 'failed':
      return settled('refused', `the Python Broca gave up on it after ${tries(message.attempts)}`);
    case 'flushed':
      return settled('flushed', 'flushed in the Python Broca');
    case 'pending':
      if (message.hasSender) return { state: 'waiting', outcome: null, reason: null, reply: null, mayHaveAsked: false };
      return parked('its sender is not in the database of the Python Broca, so there is nobody to answer', false);
    case 'processing':
      return parked('the Python Broca ended while it worked on this; the agent may have been asked, nobody can tell', true);
    case null:
      return settled('stored', message.isProcessed ? 'the Python Broca stored no reply' : 'the Python Broca stored it and never queued it');
    default:
      return parked(`the Python Broca left it as "${message.status}", which this Broca does not know`, true);
  }
}

/** The agent answered, so it is not asked again, whatever the queue said. Whether the reply arrived is another matter. */
function answered({ status, isProcessed }: OriginalMessage): Fate {
  const isDelivered = isProcessed && (status === 'completed' || status === null);
  const why = status === 'completed' ? 'noted that handing it over failed' : `left the message as "${status ?? 'not processed'}"`;
  return {
    ...settled('answered', null),
    reply: isDelivered
      ? { state: 'sent', reason: 'handed over by the Python Broca' }
      : { state: 'uncertain', reason: `the agent answered, but the Python Broca ${why}: it is not sent again` },
  };
}

function settled(outcome: NonNullable<Fate['outcome']>, reason: string | null): Fate {
  return { state: 'settled', outcome, reason, reply: null, mayHaveAsked: false };
}

function parked(reason: string, mayHaveAsked: boolean): Fate {
  return { state: 'parked', outcome: null, reason, reply: null, mayHaveAsked };
}

function tries(count: number): string {
  return count === 1 ? '1 try' : `${count} tries`;
}
