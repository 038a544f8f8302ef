-- obtain.lua, and numbers the key's holders in the same step: returns a number that is higher than
-- the last one in the counter, and than the floor; nil if another token holds the key.
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then
  return nil
end
redis.call('pexpire', KEYS[1], ARGV[2])
redis.call('del', KEYS[1])
local number = math.max(tonumber(redis.call('get', KEYS[2]) or '0'), tonumber(ARGV[3])) + 1
redis.call('set', KEYS[2], string.format('%.0f', number), 'px', ARGV[4])
redis.call('set', KEYS[1], ARGV[1], 'px', ARGV[2])
return number
