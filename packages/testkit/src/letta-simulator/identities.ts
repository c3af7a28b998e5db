/** Identities: one per identifier key and organization (here: per key). Marked deprecated by Letta, and still answered. */

import { wireAgent } from './agents.ts';
import type { JsonObject } from './json.ts';
import { listAt, textAt, textsAt } from './json.ts';
import { answer, type Reply, refuse, unprocessable } from './reply.ts';
import { type Ask, agentOf, bodyObject, cutPage, isReply, pageOf, type Route } from './route.ts';
import { newId } from './wire.ts';
import type { Agent, Identity } from './world.ts';

const TYPES = new Set(['org', 'user', 'other']);

export const identityRoutes: readonly Route[] = [
  { name: 'identities.list', method: 'GET', path: '/v1/identities/', handle: listIdentities },
  { name: 'identities.create', method: 'POST', path: '/v1/identities/', handle: createIdentity },
  { name: 'identities.upsert', method: 'PUT', path: '/v1/identities/', handle: upsertIdentity },
  { name: 'identities.retrieve', method: 'GET', path: '/v1/identities/:identity_id', handle: (ask) => withIdentity(ask, answer) },
  { name: 'identities.update', method: 'PATCH', path: '/v1/identities/:identity_id', handle: updateIdentity },
  { name: 'identities.delete', method: 'DELETE', path: '/v1/identities/:identity_id', handle: deleteIdentity },
  { name: 'agents.identities.attach', method: 'PATCH', path: '/v1/agents/:agent_id/identities/attach/:identity_id', handle: attach },
  { name: 'agents.identities.detach', method: 'PATCH', path: '/v1/agents/:agent_id/identities/detach/:identity_id', handle: detach },
];

function mine(ask: Ask): Identity[] {
  return [...ask.world.identities.values()].filter(({ apiKey }) => apiKey === ask.apiKey).map(({ identity }) => identity);
}

function listIdentities(ask: Ask): Reply {
  const page = pageOf(ask.query, { order: 'desc', limit: 50 });
  if (isReply(page)) {
    return page;
  }
  const key = ask.query.get('identifier_key');
  const type = ask.query.get('identity_type');
  const seen = mine(ask).filter(
    (identity) => (key === null || identity.identifier_key === key) && (type === null || identity.identity_type === type),
  );
  const cut = cutPage(seen, page, 'by-order');
  return isReply(cut) ? cut : answer(cut);
}

function readIdentity(ask: Ask): Identity | Reply {
  const body = bodyObject(ask) ?? {};
  for (const field of ['identifier_key', 'name', 'identity_type']) {
    if (textAt(body, field) === null) {
      return unprocessable(['body', field], 'Field required');
    }
  }
  if (!TYPES.has(textAt(body, 'identity_type') ?? '')) {
    return unprocessable(['body', 'identity_type'], 'Input should be org, user or other');
  }
  const known = missingRelation(ask, body);
  if (known !== null) {
    return known;
  }
  return {
    id: newId('identity'),
    identifier_key: textAt(body, 'identifier_key') ?? '',
    name: textAt(body, 'name'),
    identity_type: textAt(body, 'identity_type'),
    project_id: textAt(body, 'project_id'),
    agent_ids: textsAt(body, 'agent_ids'),
    block_ids: textsAt(body, 'block_ids'),
    organization_id: 'org-00000000-0000-4000-8000-000000000000',
    properties: listAt(body, 'properties') ?? [],
  };
}

function missingRelation(ask: Ask, body: JsonObject): Reply | null {
  const missing = [
    ...textsAt(body, 'agent_ids').filter((id) => ask.world.agentFor(id, ask.apiKey) === null),
    ...textsAt(body, 'block_ids').filter((id) => ask.world.blocks.get(id)?.apiKey !== ask.apiKey),
  ];
  return missing.length === 0 ? null : refuse(500, `Items not found in agents: {'${missing.join("', '")}'}`);
}

function createIdentity(ask: Ask): Reply {
  const identity = readIdentity(ask);
  if (isReply(identity)) {
    return identity;
  }
  if (sameKey(ask, identity) !== undefined) {
    return refuse(409, `An identity with identifier key ${identity.identifier_key} already exists`);
  }
  ask.world.identities.set(identity.id, { identity, apiKey: ask.apiKey });
  return answer(identity);
}

function sameKey(ask: Ask, identity: Identity): Identity | undefined {
  return mine(ask).find(
    (other) => other.identifier_key === identity.identifier_key && textAt(other, 'project_id') === textAt(identity, 'project_id'),
  );
}

function upsertIdentity(ask: Ask): Reply {
  const identity = readIdentity(ask);
  if (isReply(identity)) {
    return identity;
  }
  const existing = sameKey(ask, identity);
  if (existing === undefined) {
    return createIdentity(ask);
  }
  Object.assign(existing, identity, { id: existing.id });
  return answer(existing);
}

function withIdentity(ask: Ask, act: (identity: Identity) => Reply): Reply {
  const id = ask.params.identity_id ?? '';
  const kept = ask.world.identities.get(id);
  return kept === undefined || kept.apiKey !== ask.apiKey ? refuse(404, `Identity not found with id='${id}'`) : act(kept.identity);
}

function updateIdentity(ask: Ask): Reply {
  return withIdentity(ask, (identity) => {
    const body = bodyObject(ask) ?? {};
    const relation = missingRelation(ask, body);
    if (relation !== null) {
      return relation;
    }
    Object.assign(identity, body, { id: identity.id });
    return answer(identity);
  });
}

function deleteIdentity(ask: Ask): Reply {
  return withIdentity(ask, (identity) => {
    ask.world.identities.delete(identity.id);
    for (const agent of ask.world.agents.values()) {
      agent.identityIds = agent.identityIds.filter((id) => id !== identity.id);
    }
    return answer(null);
  });
}

function attach(ask: Ask): Reply {
  return onAgent(ask, (agent, identity) => {
    agent.identityIds = [...new Set([...agent.identityIds, identity.id])];
  });
}

function detach(ask: Ask): Reply {
  return onAgent(ask, (agent, identity) => {
    agent.identityIds = agent.identityIds.filter((id) => id !== identity.id);
  });
}

function onAgent(ask: Ask, act: (agent: Agent, identity: Identity) => void): Reply {
  const found = agentOf(ask, ask.params.agent_id ?? '');
  if (found.agent === null) {
    return found.refusal;
  }
  const { agent } = found;
  return withIdentity(ask, (identity) => {
    act(agent, identity);
    return answer(wireAgent(ask.world, agent));
  });
}
