-- Obtains the key for the token, which may hold it from an earlier attempt whose answer was lost.
-- Either way the key gets its full TTL. Returns nil if another token holds it. Before it sets the
-- key, it makes the calls of renew.lua and release.lua: if one is forbidden, there is no lease.
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then
  return nil
end
redis.call('pexpire', KEYS[1], ARGV[2])
redis.call('del', KEYS[1])
return redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
