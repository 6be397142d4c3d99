import { createScript } from '../redis/scripts.ts';
import { UNREFERENCED_KEY } from './redis-index-codec.ts';
import { LAST_USE_STEP_MS } from './usage-index.ts';

/*
 * The index in Redis is changed by scripts only, so that every change is atomic. KEYS[1] is the prefix of all keys; they have its hash tag,
 * and so are on the node that runs the script. Layout: redis/keys.ts.
 */

/** Formats numbers in full: Lua would write 1.7e+12. */
const BASICS = `
local P = KEYS[1]
local META = P .. ':meta'
local function text(n) return string.format('%.0f', n) end
local function parse(value)
  local size, used, rank = string.match(value, '^(%d+) (%d+) ?(%d*)$')
  return tonumber(size), tonumber(used), tonumber(rank) or tonumber(used)
end
local function encode(size, used, rank)
  if used == rank then return text(size) .. ' ' .. text(used) end
  return text(size) .. ' ' .. text(used) .. ' ' .. text(rank)
end
local function count(field, by)
  if by == 0 then return end
  redis.call('HINCRBY', META, field, text(by))
  redis.call('HINCRBY', META, 'changes', 1)
end
`;

/** Sums of a repository that a version without them has written are added later, all together. */
const SUMS = `
local function changeSums(repo, manifests, bytes, at, isFirst)
  local used = redis.call('ZSCORE', P .. ':used', repo)
  if not used and not isFirst then return end
  if manifests ~= 0 then redis.call('HINCRBY', P .. ':manifests', repo, text(manifests)) end
  if bytes ~= 0 or not used then redis.call('ZINCRBY', P .. ':sizes', text(bytes), repo) end
  if not at then return end
  if not used or at >= tonumber(used) + ${LAST_USE_STEP_MS} then redis.call('ZADD', P .. ':used', text(at), repo) end
end
local function removeSums(repo)
  redis.call('ZREM', P .. ':used', repo)
  redis.call('ZREM', P .. ':sizes', repo)
  redis.call('HDEL', P .. ':manifests', repo)
end
`;

const RECORD = `${SUMS}
local function record(repo, digest, kind, size, at, onlyKnown)
  local uses, field = P .. ':r:' .. repo, kind .. digest
  local known = redis.call('HGET', uses, field)
  if not known and onlyKnown then return end
  local knownSize, used, rank = 0, 0, 0
  if known then knownSize, used, rank = parse(known) end
  local bytes = size or knownSize
  local newRank = math.max(at, rank)
  redis.call('HSET', uses, field, encode(bytes, math.max(at, used), newRank))
  if not known or newRank ~= rank then redis.call('ZADD', P .. ':q:' .. kind, text(newRank), digest .. ' ' .. repo) end
  local d = P .. ':d:' .. digest
  local stored = redis.call('HGET', d, 's')
  local isFirst = not known and redis.call('ZADD', P .. ':repositories', 0, repo) == 1
  changeSums(repo, (known or kind ~= '0') and 0 or 1, bytes - knownSize, at, isFirst)
  if not known then
    if redis.call('HSETNX', d, kind .. repo, '') == 1 then redis.call('HINCRBY', d, 'n', 1) end
    redis.call('ZREM', P .. '${UNREFERENCED_KEY}', digest)
    count('references', 1)
    redis.call('HINCRBY', META, 'summed', 1)
  end
  if stored and tonumber(stored) == bytes then return end
  redis.call('HSET', d, 's', text(bytes))
  if not stored then count('digests', 1) end
  count('bytes', bytes - tonumber(stored or 0))
end
`;

const REMOVE = `${SUMS}
local function remove(repo, digest, kind, lastUsedAt)
  local uses, field = P .. ':r:' .. repo, kind .. digest
  local known = redis.call('HGET', uses, field)
  if not known then return 0 end
  local size, used = parse(known)
  if lastUsedAt and used ~= lastUsedAt then return 0 end
  redis.call('HDEL', uses, field)
  changeSums(repo, kind == '0' and -1 or 0, -size)
  if redis.call('EXISTS', uses) == 0 then
    redis.call('ZREM', P .. ':repositories', repo)
    removeSums(repo)
  end
  redis.call('ZREM', P .. ':q:' .. kind, digest .. ' ' .. repo)
  count('references', -1)
  redis.call('HINCRBY', META, 'summed', -1)
  local d = P .. ':d:' .. digest
  local held = redis.call('HDEL', d, kind .. repo) == 1
  -- Part of the index is missing: storage is then searched before bytes are removed.
  if not held then redis.call('HDEL', META, 'marker-complete') end
  local left = held and redis.call('HINCRBY', d, 'n', -1) or tonumber(redis.call('HGET', d, 'n') or '0')
  if left <= 0 and redis.call('HEXISTS', d, 's') == 1 then redis.call('ZADD', P .. '${UNREFERENCED_KEY}', 0, digest) end
  return 1
end
`;

/** ARGV: for each use its repository, digest, kind, bytes or nothing, time, and 1 when unknown references are ignored. */
export const recordScript = createScript(`${BASICS}${RECORD}
for i = 1, #ARGV, 6 do
  record(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), ARGV[i + 5] == '1')
end`);

/**
 * KEYS: prefix, removal, linking. ARGV: owner, TTL of the mark in milliseconds, then one use as in {@link recordScript}.
 *
 * @returns 1, or 0 while another process removes the digest
 */
export const beginLinkScript = createScript(`${BASICS}${RECORD}
if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
redis.call('ZADD', KEYS[3], text(now + tonumber(ARGV[2])), ARGV[1])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
record(ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]), false)
return 1`);

/** KEYS: prefix, linking. ARGV: owner, then the use: recorded again when the mark is gone, as after a flush. */
export const endLinkScript = createScript(`${BASICS}${RECORD}
if redis.call('ZREM', KEYS[2], ARGV[1]) == 1 then return 1 end
record(ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), false)
return 0`);

/**
 * KEYS: prefix, removal, linking. ARGV: owner, TTL in milliseconds.
 *
 * @returns 1, or 0 while another process removes or links the digest
 */
export const claimScript = createScript(`
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now))
if redis.call('EXISTS', KEYS[3]) == 1 then return 0 end
return redis.call('SET', KEYS[2], ARGV[1] .. ' 0 ', 'NX', 'PX', ARGV[2]) and 1 or 0`);

/** ARGV: for each reference its repository, digest, kind, and the last use that it must still have, or nothing. @returns how many were removed */
export const removeScript = createScript(`${BASICS}${REMOVE}
local removed = 0
for i = 1, #ARGV, 4 do
  removed = removed + remove(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]))
end
return removed`);

/** ARGV: rank, then for each reference its repository, digest and kind. */
export const deferScript = createScript(`${BASICS}
local rank = tonumber(ARGV[1])
for i = 2, #ARGV, 3 do
  local repo, digest, kind = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local known = redis.call('HGET', P .. ':r:' .. repo, kind .. digest)
  if known then
    local size, used = parse(known)
    redis.call('HSET', P .. ':r:' .. repo, kind .. digest, encode(size, used, rank))
    redis.call('ZADD', P .. ':q:' .. kind, text(rank), digest .. ' ' .. repo)
  end
end`);

/** ARGV: rank before which, limit, kind, rank and member after which (or empty texts), kinds. @returns kind, `<digest> <repository>` and value of each, in the order of each queue */
export const oldestScript = createScript(`${BASICS}
local found = {}
for i = 6, #ARGV do
  local kind, queue = ARGV[i], P .. ':q:' .. ARGV[i]
  local from, skip = '-inf', 0
  if kind == ARGV[3] then
    from = ARGV[4]
    -- Unless it moved meanwhile.
    if tonumber(redis.call('ZSCORE', queue, ARGV[5]) or '') == tonumber(from) then
      skip = redis.call('ZRANK', queue, ARGV[5]) + 1 - redis.call('ZCOUNT', queue, '-inf', '(' .. from)
    end
  end
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', queue, from, '(' .. ARGV[1], 'LIMIT', skip, ARGV[2])) do
    local digest, repo = string.match(member, '^(%S+) (.*)$')
    local value = redis.call('HGET', P .. ':r:' .. repo, kind .. digest)
    if value then
      found[#found + 1] = kind
      found[#found + 1] = member
      found[#found + 1] = value
    else
      redis.call('ZREM', queue, member)
    end
  end
end
return found`);

/** ARGV: digest, bytes. */
export const recordUnreferencedScript = createScript(`${BASICS}
local d = P .. ':d:' .. ARGV[1]
if redis.call('HEXISTS', d, 's') == 1 then return end
redis.call('HSET', d, 's', ARGV[2])
redis.call('ZADD', P .. '${UNREFERENCED_KEY}', 0, ARGV[1])
count('bytes', tonumber(ARGV[2]))
count('digests', 1)`);

/** ARGV: digest. */
export const bytesRemovedScript = createScript(`${BASICS}
local d = P .. ':d:' .. ARGV[1]
redis.call('ZREM', P .. '${UNREFERENCED_KEY}', ARGV[1])
local stored, references, parts = unpack(redis.call('HMGET', d, 's', 'n', 'p'))
if not stored then return end
count('bytes', -tonumber(stored))
if tonumber(references or 0) > 0 then
  redis.call('HSET', d, 's', 0)
  return
end
count('digests', -1)
redis.call('HDEL', d, 's', 'n', 'p')
for part in string.gmatch(parts or '', '%S+') do redis.call('HDEL', P .. ':d:' .. part, 'w' .. ARGV[1]) end`);

/** ARGV: manifest, its parts. */
export const putPartsScript = createScript(`
local P = KEYS[1]
redis.call('HSET', P .. ':d:' .. ARGV[1], 'p', table.concat(ARGV, ' ', 2))
for i = 2, #ARGV do redis.call('HSET', P .. ':d:' .. ARGV[i], 'w' .. ARGV[1], '') end`);

/**
 * ARGV: for each reference its repository, digest and kind.
 *
 * @returns how many of the digests have the reference as their first holder, and the bytes of those: over all references, each digest counts
 * once
 */
export const countScript = createScript(`
local P = KEYS[1]
local digests, bytes = 0, 0
for i = 1, #ARGV, 3 do
  local d, mine, first, holders = P .. ':d:' .. ARGV[i + 1], ARGV[i + 2] .. ARGV[i], nil, 0
  for _, field in ipairs(redis.call('HKEYS', d)) do
    if #field > 1 and (string.sub(field, 1, 1) == '0' or string.sub(field, 1, 1) == '1') then
      holders = holders + 1
      if not first or field < first then first = field end
    end
  end
  if first == mine then
    redis.call('HSET', d, 'n', holders)
    digests = digests + 1
    bytes = bytes + tonumber(redis.call('HGET', d, 's') or '0')
  end
end
return {digests, string.format('%.0f', bytes)}`);

/** ARGV: the number of changes that was read, then bytes, digests and references. @returns 1, or 0 when there were changes since */
export const setTotalsScript = createScript(`
if (redis.call('HGET', KEYS[1] .. ':meta', 'changes') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1] .. ':meta', 'bytes', ARGV[2], 'digests', ARGV[3], 'references', ARGV[4], 'summed', ARGV[4])
redis.call('UNLINK', KEYS[1] .. ':used', KEYS[1] .. ':sizes', KEYS[1] .. ':manifests')
return 1`);

/**
 * Drops the sums of repositories when a version without them has written since.
 *
 * @returns 1 when there are sums of every repository
 */
export const checkSumsScript = createScript(`
local P = KEYS[1]
local references, summed = unpack(redis.call('HMGET', P .. ':meta', 'references', 'summed'))
if (references or '0') ~= (summed or '0') then
  redis.call('UNLINK', P .. ':used', P .. ':sizes', P .. ':manifests')
  redis.call('HSET', P .. ':meta', 'summed', references or '0')
end
return redis.call('ZCARD', P .. ':used') == redis.call('ZCARD', P .. ':repositories') and 1 or 0`);

/** ARGV: repositories whose sums are added, unless they are there. Reads all references of each. */
export const addSumsScript = createScript(`${BASICS}
for _, repo in ipairs(ARGV) do
  local manifests, bytes, last = 0, 0, 0
  local values = redis.call('ZSCORE', P .. ':used', repo) and {} or redis.call('HGETALL', P .. ':r:' .. repo)
  for i = 1, #values, 2 do
    local size, used = parse(values[i + 1])
    bytes = bytes + size
    last = math.max(last, used)
    if string.sub(values[i], 1, 1) == '0' then manifests = manifests + 1 end
  end
  if #values > 0 then
    redis.call('ZADD', P .. ':used', text(last), repo)
    redis.call('ZADD', P .. ':sizes', text(bytes), repo)
    redis.call('HSET', P .. ':manifests', repo, text(manifests))
  end
end`);

/** KEYS: prefix, reserved. ARGV: TTL in milliseconds, then members to add. @returns bytes of all valid reservations whose digest is not stored */
export const reserveScript = createScript(`
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))
for i = 2, #ARGV do redis.call('ZADD', KEYS[2], string.format('%.0f', now + tonumber(ARGV[1])), ARGV[i]) end
local bytes = 0
for _, member in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local digest, size = string.match(member, '^(%S+) (%d+)$')
  local stored = redis.call('HGET', KEYS[1] .. ':d:' .. digest, 's')
  if tonumber(stored or 0) == 0 then bytes = bytes + tonumber(size) end
end
return string.format('%.0f', bytes)`);

/** @returns 0 when the server may evict keys without a TTL; 1 also when the server does not report it */
export const losslessScript = createScript(`
local memory = redis.pcall('INFO', 'memory')
if type(memory) ~= 'string' or not string.find(memory, 'maxmemory_policy:allkeys') then return 1 end
return string.find(memory, 'maxmemory:0\\r') and 1 or 0`);
