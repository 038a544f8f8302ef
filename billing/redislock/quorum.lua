-- Obtains the key for the token and returns 1, or returns the token that holds it. If the nodes
-- name different holders, perhaps none has a quorum. Before it sets the key, it makes the calls of
-- renew.lua and release.lua: if one is forbidden, there is no lease.
local holder = redis.call('get', KEYS[1])
if holder then
  return holder
end
redis.call('pexpire', KEYS[1], ARGV[2])
redis.call('del', KEYS[1])
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1
