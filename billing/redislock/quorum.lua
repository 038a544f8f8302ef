-- Obtains the key for the token. 1: it does; else the token that holds it: if different nodes name
-- different ones, it may be that none has a quorum.
local holder = redis.call('get', KEYS[1])
if holder then
  return holder
end
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return 1
