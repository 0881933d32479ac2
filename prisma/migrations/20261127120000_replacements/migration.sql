-- Whose place in its slot an assignment takes: who cancels the old address by its name means the slot.
alter table assignment add column replaces uuid references assignment;

update assignment anew set replaces = o.assignment_id
from operation o
where o.kind = 'release' and o.payload ->> 'replacedBy' = anew.id::text and o.state not in ('superseded', 'cancelled');
