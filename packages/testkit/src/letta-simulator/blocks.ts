/** Memory blocks: any number may share a label, but an agent holds at most one of a label. */

import { wireAgent } from './agents.ts';
import { flagAt, isObject, type JsonObject, numberAt, textAt, textsAt } from './json.ts';
import { answer, type Reply, refuse, unprocessable } from './reply.ts';
import { type Ask, agentOf, bodyObject, cutPage, isReply, listParameter, pageOf, type Route } from './route.ts';
import { newId } from './wire.ts';
import type { Agent, Block, World } from './world.ts';

const BLOCK_ID = /^block-[0-9a-f-]{36}$/;
const LABEL_FILTER = /^[a-zA-Z0-9_/-]{1,50}$/;
const DEFAULT_LIMIT = 20_000;

export const blockRoutes: readonly Route[] = [
  { name: 'blocks.list', method: 'GET', path: '/v1/blocks/', handle: listBlocks },
  { name: 'blocks.create', method: 'POST', path: '/v1/blocks/', handle: createBlock },
  { name: 'blocks.retrieve', method: 'GET', path: '/v1/blocks/:block_id', handle: (ask) => withBlock(ask, (block) => answer(block)) },
  { name: 'blocks.update', method: 'PATCH', path: '/v1/blocks/:block_id', handle: (ask) => withBlock(ask, (block) => change(ask, block)) },
  { name: 'blocks.delete', method: 'DELETE', path: '/v1/blocks/:block_id', handle: deleteBlock },
  { name: 'agents.blocks.list', method: 'GET', path: '/v1/agents/:agent_id/core-memory/blocks', handle: listAttached },
  { name: 'agents.blocks.attach', method: 'PATCH', path: '/v1/agents/:agent_id/core-memory/blocks/attach/:block_id', handle: attach },
  { name: 'agents.blocks.detach', method: 'PATCH', path: '/v1/agents/:agent_id/core-memory/blocks/detach/:block_id', handle: detach },
  { name: 'agents.blocks.retrieve', method: 'GET', path: '/v1/agents/:agent_id/core-memory/blocks/:label', handle: retrieveAttached },
  { name: 'agents.blocks.update', method: 'PATCH', path: '/v1/agents/:agent_id/core-memory/blocks/:label', handle: updateAttached },
];

function wireBlock(fields: JsonObject, label: string, value: string): Block {
  return {
    value,
    limit: numberAt(fields, 'limit') ?? DEFAULT_LIMIT,
    project_id: textAt(fields, 'project_id'),
    template_name: textAt(fields, 'template_name'),
    is_template: flagAt(fields, 'is_template', false),
    template_id: null,
    base_template_id: null,
    deployment_id: null,
    entity_id: null,
    preserve_on_migration: false,
    label,
    read_only: flagAt(fields, 'read_only', false),
    description: textAt(fields, 'description'),
    metadata: isObject(fields.metadata) ? fields.metadata : {},
    hidden: null,
    tags: textsAt(fields, 'tags'),
    id: newId('block'),
    created_by_id: null,
    last_updated_by_id: null,
  };
}

function createBlock(ask: Ask): Reply {
  const body = bodyObject(ask);
  const label = body === null ? null : textAt(body, 'label');
  const value = body === null ? null : textAt(body, 'value');
  if (body === null || label === null || value === null) {
    return unprocessable(['body', label === null ? 'label' : 'value'], 'Field required');
  }
  const block = wireBlock(body, label, value);
  const tooLong = refuseLongValue(block);
  if (tooLong !== null) {
    return tooLong;
  }
  ask.world.blocks.set(block.id, { block, apiKey: ask.apiKey });
  return answer(block);
}

function refuseLongValue(block: Block): Reply | null {
  const limit = numberAt(block, 'limit') ?? DEFAULT_LIMIT;
  const message = `Edit failed: Exceeds ${limit} character limit (requested ${block.value.length})`;
  return block.value.length > limit ? unprocessable(['body', 'value'], message) : null;
}

function listBlocks(ask: Ask): Reply {
  const { query, world } = ask;
  const label = query.get('label');
  if (label !== null && !LABEL_FILTER.test(label)) {
    return unprocessable(['query', 'label'], 'String should match pattern', ['human', 'persona', 'the_label_of-a-block']);
  }
  const page = pageOf(query, { order: 'asc', limit: 50 });
  if (isReply(page)) {
    return page;
  }
  const search = query.get('label_search');
  const tags = listParameter(query, 'tags');
  const seen = [...world.blocks.values()]
    .filter(({ apiKey }) => apiKey === ask.apiKey)
    .map(({ block }) => block)
    .filter((block) => label === null || block.label === label)
    .filter((block) => search === null || block.label.includes(search))
    .filter((block) => tags.length === 0 || tags.some((tag) => textsAt(block, 'tags').includes(tag)));
  const cut = cutPage(seen, page, 'by-order');
  return isReply(cut) ? cut : answer(cut);
}

function withBlock(ask: Ask, act: (block: Block) => Reply): Reply {
  const id = ask.params.block_id ?? '';
  if (!BLOCK_ID.test(id)) {
    return unprocessable(['path', 'block_id'], 'String should match pattern', ['block-123e4567-e89b-42d3-8456-426614174000']);
  }
  const kept = ask.world.blocks.get(id);
  return kept === undefined || kept.apiKey !== ask.apiKey ? refuse(404, `Block with id '${id}' not found`) : act(kept.block);
}

/** Replaces the block's fields in place: every agent that holds it sees the change. */
function change(ask: Ask, block: Block): Reply {
  const wanted = { ...block, ...(bodyObject(ask) ?? {}), id: block.id };
  const label = textAt(wanted, 'label') ?? block.label;
  const value = textAt(wanted, 'value') ?? block.value;
  const changed: Block = { ...wanted, label, value };
  const tooLong = refuseLongValue(changed);
  if (tooLong !== null) {
    return tooLong;
  }
  for (const agent of holdersOf(ask.world, block.id)) {
    if (label !== block.label && attachedWithLabel(ask.world, agent, label) !== null) {
      return uniqueViolation();
    }
  }
  Object.assign(block, changed);
  return answer(block);
}

function deleteBlock(ask: Ask): Reply {
  return withBlock(ask, (block) => {
    for (const agent of holdersOf(ask.world, block.id)) {
      agent.blockIds = agent.blockIds.filter((id) => id !== block.id);
    }
    ask.world.blocks.delete(block.id);
    return answer(null);
  });
}

function holdersOf(world: World, blockId: string): Agent[] {
  return [...world.agents.values()].filter(({ blockIds }) => blockIds.includes(blockId));
}

function attachedWithLabel(world: World, agent: Agent, label: string): Block | null {
  for (const id of agent.blockIds) {
    const block = world.blocks.get(id)?.block;
    if (block?.label === label) {
      return block;
    }
  }
  return null;
}

/** The same answer for "this block is attached already" and for "another block of this label is". */
function uniqueViolation(): Reply {
  return refuse(
    409,
    'A unique constraint was violated for AgentModel. Check your input for duplicates: ' +
      'duplicate key value violates unique constraint "unique_label_per_agent"',
  );
}

function attach(ask: Ask): Reply {
  const found = agentOf(ask, ask.params.agent_id ?? '');
  if (found.agent === null) {
    return found.refusal;
  }
  const { agent } = found;
  return withBlock(ask, (block) => {
    if (attachedWithLabel(ask.world, agent, block.label) !== null) {
      return uniqueViolation();
    }
    agent.blockIds.push(block.id);
    return answer(wireAgent(ask.world, agent));
  });
}

function detach(ask: Ask): Reply {
  const found = agentOf(ask, ask.params.agent_id ?? '');
  if (found.agent === null) {
    return found.refusal;
  }
  const { agent } = found;
  return withBlock(ask, (block) => {
    if (!agent.blockIds.includes(block.id)) {
      return refuse(404, `Block with id '${block.id}' not found for agent '${agent.id}'`);
    }
    agent.blockIds = agent.blockIds.filter((id) => id !== block.id);
    return answer(wireAgent(ask.world, agent));
  });
}

function listAttached(ask: Ask): Reply {
  const found = agentOf(ask, ask.params.agent_id ?? '');
  if (found.agent === null) {
    return found.refusal;
  }
  const page = pageOf(ask.query, { order: 'desc', limit: 100 });
  if (isReply(page)) {
    return page;
  }
  const cut = cutPage(
    found.agent.blockIds.flatMap((id) => ask.world.blocks.get(id)?.block ?? []),
    page,
    'by-order',
  );
  return isReply(cut) ? cut : answer(cut);
}

function withAttached(ask: Ask, act: (block: Block) => Reply): Reply {
  const found = agentOf(ask, ask.params.agent_id ?? '');
  if (found.agent === null) {
    return found.refusal;
  }
  const label = ask.params.label ?? '';
  const block = attachedWithLabel(ask.world, found.agent, label);
  return block === null ? refuse(404, `No block with label '${label}' found for agent '${found.agent.id}'`) : act(block);
}

function retrieveAttached(ask: Ask): Reply {
  return withAttached(ask, (block) => answer(block));
}

function updateAttached(ask: Ask): Reply {
  return withAttached(ask, (block) => change(ask, block));
}
