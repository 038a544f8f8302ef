-- Gives the key its full TTL again if the token still holds it; else returns 0. It never creates
-- the key: another server may have held the lease since it was lost.
if redis.call('get', KEYS[1]) == ARGV[1] then
  return redis.call('pexpire', KEYS[1], ARGV[2])
end
return 0
