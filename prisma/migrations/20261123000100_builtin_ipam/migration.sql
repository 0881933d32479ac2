-- The allocator of the built-in IPAM. Free addresses are ranges; taking one moves the front of a range, so
-- the cost does not depend on how large, full or fragmented a pool is.

-- Takes up to p_count free addresses: pools by priority, in each the range that has been free longest.
-- Ranges that somebody else is just taking from are passed over, so nobody waits for anybody; the caller
-- must therefore look whether anything is free before it calls a pool exhausted.
create function builtin_take(p_connection uuid, p_family integer, p_pools text[], p_count integer)
returns table (pool_id uuid, address inet) language plpgsql as $$
#variable_conflict use_column
declare
  v_pool uuid;
  v_range record;
  v_missing integer := p_count;
  v_taken integer;
begin
  for v_pool in
    select p.id from pool p
    where p.connection_id = p_connection and family(p.cidr) = p_family and (p_pools is null or p.name = any (p_pools))
    order by p.priority, p.name
  loop
    while v_missing > 0 loop
      select f.id, f.first, f.last into v_range from pool_free f
      where f.pool_id = v_pool order by f.since, f.id limit 1
      for update skip locked;
      exit when not found;
      if v_range.first + (v_missing - 1) < v_range.last then
        v_taken := v_missing;
        update pool_free f set first = v_range.first + v_taken where f.id = v_range.id;
      else
        v_taken := v_range.last - v_range.first + 1;
        delete from pool_free f where f.id = v_range.id;
      end if;
      return query select v_pool, v_range.first + i from generate_series(0, v_taken - 1) i;
      v_missing := v_missing - v_taken;
    end loop;
  end loop;
end $$;

-- Takes one named address. Answers granted, taken, quarantined (another owner had it), reserved (the pool
-- never hands it out: network, gateway, excluded) or outside (no pool has it).
create function builtin_take_address(p_connection uuid, p_address inet, p_marker text, p_owner text)
returns text language plpgsql as $$
declare
  v_pool uuid;
  v_known pool_address;
  v_range pool_free;
begin
  select p.id into v_pool from pool p where p.connection_id = p_connection and p.cidr >>= p_address;
  if not found then return 'outside'; end if;

  -- The range may be cut or emptied while we wait for its lock: look again until the answer is a firm one.
  for attempt in 1..20 loop
    select a.* into v_known from pool_address a where a.pool_id = v_pool and a.address = p_address for update;
    if found then
      if v_known.state = 'held' then
        return case when v_known.marker = p_marker then 'granted' else 'taken' end;
      end if;
      if v_known.owner is distinct from p_owner and v_known.available_at > now() then return 'quarantined'; end if;
      update pool_address a
      set state = 'held', marker = p_marker, owner = p_owner, taken_at = now(), freed_at = null, available_at = null
      where a.pool_id = v_pool and a.address = p_address;
      return 'granted';
    end if;

    select f.* into v_range from pool_free f
    where f.pool_id = v_pool and f.last >= p_address order by f.last limit 1
    for update;
    if found and v_range.first <= p_address then
      if v_range.first = v_range.last then
        delete from pool_free f where f.id = v_range.id;
      elsif v_range.first = p_address then
        update pool_free f set first = p_address + 1 where f.id = v_range.id;
      elsif v_range.last = p_address then
        update pool_free f set last = p_address - 1 where f.id = v_range.id;
      else
        update pool_free f set last = p_address - 1 where f.id = v_range.id;
        insert into pool_free (pool_id, first, last, since) values (v_pool, p_address + 1, v_range.last, v_range.since);
      end if;
      insert into pool_address (pool_id, address, state, marker, owner) values (v_pool, p_address, 'held', p_marker, p_owner);
      return 'granted';
    end if;

    if not exists (select from pool_address a where a.pool_id = v_pool and a.address = p_address)
       and not exists (select from pool_free f where f.pool_id = v_pool and f.first <= p_address and f.last >= p_address) then
      return 'reserved';
    end if;
  end loop;
  return 'busy';
end $$;
