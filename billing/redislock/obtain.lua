-- Obtains the key for the token, which may hold it already: from an attempt whose answer was lost.
-- Either way the key lives for the whole TTL from now on. Nil: another token holds it.
if redis.call('set', KEYS[1], ARGV[1], 'nx', 'px', ARGV[2]) then
  return 'OK'
end
if redis.call('get', KEYS[1]) == ARGV[1] then
  redis.call('pexpire', KEYS[1], ARGV[2])
  return 'OK'
end
return nil
