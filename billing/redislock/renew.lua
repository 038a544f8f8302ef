-- Gives the key the whole TTL again if the token still holds it. 0: it doesn't.
-- It never makes a key: a lease that was lost may have been another server's since.
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('pexpire', KEYS[1], ARGV[2])
end
return 0
