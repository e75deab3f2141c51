"""What has to happen as a whole in Redis, as Lua. All keys of a cluster lie in one hash slot.

A lease is a key with a time to live whose value is the token EPOCH:INSTANCE:PROCESS. Epochs only grow, also
when Redis has lost everything: they are microseconds since 1970, or more. Every write of a node names its
token, and a node whose lease is over or taken writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

FREES = "#!lua flags=allow-oom\n"
"""Scripts that must work in a Redis that is full: those that keep a lease or move what is there."""


@dataclass(frozen=True, slots=True)
class Script:
    """Lua; `frees`: also when Redis is full (from Redis 7 on)."""

    text: str
    frees: bool = False


# KEYS: lease, nodes, epoch. ARGV: node, instance, process, lease in ms, row of the node.
# -> 1, our token and the row of our name so far, or 0, the token of who has the name, and its row.
ACQUIRE = Script(
    """
local held = redis.call('GET', KEYS[1])
if held and string.match(held, '^[^:]*:([^:]*):') ~= ARGV[2] then
  return {0, held, redis.call('HGET', KEYS[2], ARGV[1]) or ''}
end
local now = redis.call('TIME')
local epoch = now[1] * 1000000 + now[2]
local last = tonumber(redis.call('GET', KEYS[3]) or '0')
if epoch <= last then epoch = last + 1 end
local number = string.format('%.0f', epoch)
local token = number .. ':' .. ARGV[2] .. ':' .. ARGV[3]
local before = redis.call('HGET', KEYS[2], ARGV[1]) or ''
redis.call('SET', KEYS[3], number)
redis.call('SET', KEYS[1], token, 'PX', ARGV[4])
local row = cjson.decode(ARGV[5])
row['epoch'] = number
redis.call('HSET', KEYS[2], ARGV[1], cjson.encode(row))
return {1, token, before}
""",
    frees=True,
)

# KEYS: lease, nodes. ARGV: token, lease in ms, node, row of the node.
# -> 1: held; 0: it had ended; -1: somebody else has our name.
BEAT = Script(
    """
local held = redis.call('GET', KEYS[1])
if not held then return 0 end
if held ~= ARGV[1] then return -1 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
return 1
""",
    frees=True,
)

# KEYS: lease, calls. ARGV: token, ids to delete, their number first, then id and snapshot in turn.
# -> 1: written; 0: the lease is not ours.
PUSH = Script(
    """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local gone = tonumber(ARGV[2])
if gone > 0 then redis.call('HDEL', KEYS[2], unpack(ARGV, 3, 2 + gone)) end
if #ARGV > 2 + gone then redis.call('HSET', KEYS[2], unpack(ARGV, 3 + gone)) end
return 1
"""
)
# KEYS: our lease, the lease of the dead, nodes, calls of the dead, our calls, what was taken of the dead.
# ARGV: our token, the dead, its epoch, us, seconds to remember it, the time.
# -> -1: our lease is not ours; 0: nothing to claim; else 1, and its calls, id and snapshot in turn.
CLAIM = Script(
    """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {-1} end
if redis.call('EXISTS', KEYS[2]) == 1 then return {0} end
local text = redis.call('HGET', KEYS[3], ARGV[2])
if not text then return {0} end
local row = cjson.decode(text)
if row['state'] ~= 'up' or row['epoch'] ~= ARGV[3] then return {0} end
local calls = redis.call('HGETALL', KEYS[4])
redis.call('DEL', KEYS[4])
for i = 1, #calls, 2 do
  redis.call('HSET', KEYS[5], calls[i], calls[i + 1])
  redis.call('HSET', KEYS[6], calls[i], cjson.encode({by = ARGV[4], at = ARGV[6]}))
end
redis.call('EXPIRE', KEYS[6], ARGV[5])
row['state'] = 'taken'
row['by'] = ARGV[4]
redis.call('HSET', KEYS[3], ARGV[2], cjson.encode(row))
return {1, calls}
""",
    frees=True,
)
