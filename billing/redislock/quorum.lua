-- Obtains the key for the token. 1: the token holds it now, or did already; else the token that
-- does. Who is told of different ones by different nodes knows that nobody need have a quorum.
local holder = redis.call('get', KEYS[1])
if not holder then
  redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
elseif holder ~= ARGV[1] then
  return holder
end
return 1
