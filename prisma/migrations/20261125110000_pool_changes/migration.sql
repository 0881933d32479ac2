-- Pools can be changed and removed while requests run.

-- Whoever takes from a pool or gives back to it shares this advisory lock until his transaction ends; whoever
-- changes or removes it has the lock alone. A lock on the row would not do: those who share it could keep out
-- for ever the one who wants it alone.
create function builtin_lock_of(p_pool uuid) returns bigint language sql immutable parallel safe as $$
  select hashtextextended(p_pool::text, 0)
$$;

-- What a pool never hands out, as ranges that do not overlap: the outer addresses, the gateway and what is
-- excluded. An address that was excluded while somebody had it does not become free when it returns.
create table pool_reserved (
  pool_id uuid not null references pool (id) on delete cascade,
  first   inet not null,
  last    inet not null,
  primary key (pool_id, last),
  check (first <= last and family(first) = family(last))
);

-- Until now, everything that was neither free nor in use was reserved.
with usable as (
  select f.pool_id, f.first, f.last from pool_free f
  union all
  select a.pool_id, a.address, a.address from pool_address a),
gaps as (
  select u.pool_id, lag(u.last) over pool_order + 1 as first, u.first - 1 as last from usable u
  window pool_order as (partition by u.pool_id order by u.first)),
bounds as (
  select p.id, host(p.cidr)::inet as first, host(broadcast(p.cidr))::inet as last,
    min(u.first) as lowest, max(u.last) as highest
  from pool p left join usable u on u.pool_id = p.id group by p.id)
insert into pool_reserved (pool_id, first, last)
select pool_id, first, last from gaps where first <= last
union all select id, first, lowest - 1 from bounds where first < lowest
union all select id, highest + 1, last from bounds where highest < last
union all select id, first, last from bounds where lowest is null;

-- Takes addresses out of the free ones, wherever they are free. The caller has the pool alone.
create function builtin_reserve(p_pool uuid, p_first inet, p_last inet) returns void language sql as $$
  insert into pool_free (pool_id, first, last, since)
  select f.pool_id, p_last + 1, f.last, f.since from pool_free f
  where f.pool_id = p_pool and f.first < p_first and f.last > p_last;
  update pool_free f set last = p_first - 1
  where f.pool_id = p_pool and f.first < p_first and f.last >= p_first;
  delete from pool_free f
  where f.pool_id = p_pool and f.first >= p_first and f.last <= p_last;
  update pool_free f set first = p_last + 1
  where f.pool_id = p_pool and f.first >= p_first and f.first <= p_last and f.last > p_last;
$$;

-- Makes addresses free, except those that somebody has, or that wait in quarantine. The caller has the pool alone.
create function builtin_unreserve(p_pool uuid, p_first inet, p_last inet) returns void language sql as $$
  insert into pool_free (pool_id, first, last, since)
  select p_pool, g.first, g.last, now()
  from (
    select coalesce(lag(a.address) over (order by a.address) + 1, p_first) as first, a.address - 1 as last
    from pool_address a where a.pool_id = p_pool and a.address between p_first and p_last
    union all
    select coalesce(max(a.address) + 1, p_first), p_last
    from pool_address a where a.pool_id = p_pool and a.address between p_first and p_last) g
  where g.first <= g.last;
$$;

-- Moves up to p_limit addresses whose quarantine is over back to the free ones, each with the time since when
-- it is free; one that was excluded meanwhile is forgotten. It waits for nobody.
create function builtin_sweep(p_limit integer)
returns table (pool_id uuid, freed bigint) language plpgsql as $$
#variable_conflict use_column
declare
  v_pools uuid[];
begin
  -- Locked by a statement of its own, so that the next one sees what those who had the lock have changed.
  select array_agg(c.pool_id) into v_pools
  from (
    select distinct d.pool_id from (
      select a.pool_id from pool_address a
      where a.state = 'quarantined' and a.available_at <= now() order by a.available_at limit p_limit) d) c
  where pg_try_advisory_xact_lock_shared(builtin_lock_of(c.pool_id));

  return query
    with due as (
      select a.pool_id, a.address from pool_address a
      where a.state = 'quarantined' and a.available_at <= now() and a.pool_id = any (v_pools)
      order by a.available_at limit p_limit for update skip locked),
    gone as (
      delete from pool_address a using due where a.pool_id = due.pool_id and a.address = due.address
      returning a.pool_id, a.address, a.freed_at),
    back as (
      insert into pool_free (pool_id, first, last, since)
      select g.pool_id, g.address, g.address, coalesce(g.freed_at, now()) from gone g
      where not exists (
        select from pool_reserved r where r.pool_id = g.pool_id and r.last >= g.address and r.first <= g.address)
      returning pool_id)
    select b.pool_id, count(*) from back b group by 1;
end $$;

-- Takes up to p_count free addresses: pools by priority, in each the range that has been free longest.
-- It waits for nobody, so that it can never stand in a circle of those who wait: ranges that somebody else is
-- just taking from, and pools that are just being changed or removed, are passed over. The caller must
-- therefore look whether anything is free before it calls a pool exhausted.
create or replace function builtin_take(p_connection uuid, p_family integer, p_pools text[], p_count integer)
returns table (pool_id uuid, address inet) language plpgsql as $$
#variable_conflict use_column
declare
  v_pool uuid;
  v_range record;
  v_missing integer := p_count;
  v_taken integer;
  v_most integer;
begin
  for v_pool in
    select p.id from pool p
    where p.connection_id = p_connection and family(p.cidr) = p_family and (p_pools is null or p.name = any (p_pools))
    order by p.priority, p.name
  loop
    continue when not pg_try_advisory_xact_lock_shared(builtin_lock_of(v_pool));
    -- One range will do for everybody, as a rule; the others stay for those who come at the same time. Where it will
    -- not do, the pool is in fragments: then the others are read in one go, since what was just deleted at the
    -- front of the index has to be passed over each time.
    v_most := 1;
    loop
      exit when v_missing = 0;
      v_taken := 0;
      for v_range in
        select f.id, f.first, f.last from pool_free f
        where f.pool_id = v_pool order by f.since, f.id limit v_most
        for update skip locked
      loop
        exit when v_missing = 0;
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
      exit when v_taken = 0;
      v_most := 500;
    end loop;
    exit when v_missing = 0;
  end loop;
end $$;

-- Takes one named address. Answers granted, taken, quarantined (another owner had it), reserved (the pool
-- never hands it out: network, gateway, excluded) or outside (no pool has it).
create or replace function builtin_take_address(p_connection uuid, p_address inet, p_marker text, p_owner text)
returns text language plpgsql as $$
declare
  v_pool uuid;
  v_known pool_address;
  v_range pool_free;
begin
  select p.id into v_pool from pool p where p.connection_id = p_connection and p.cidr >>= p_address;
  if not found then return 'outside'; end if;
  perform pg_advisory_xact_lock_shared(builtin_lock_of(v_pool));
  -- It may have been removed while we waited.
  perform from pool p where p.id = v_pool;
  if not found then return 'outside'; end if;

  -- The range may be cut or emptied while we wait for its lock: look again until the answer is a firm one.
  for attempt in 1..20 loop
    select a.* into v_known from pool_address a where a.pool_id = v_pool and a.address = p_address for update;
    if found then
      if v_known.state = 'held' then
        return case when v_known.marker = p_marker then 'granted' else 'taken' end;
      end if;
      if exists (select from pool_reserved r where r.pool_id = v_pool and r.first <= p_address and r.last >= p_address) then
        return 'reserved';
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
