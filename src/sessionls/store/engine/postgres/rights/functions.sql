-- The functions for the policies and triggers.
--
-- A SECURITY DEFINER function runs with the rights of the owner of the tables, and identifies its caller by session_user.
-- Each function sets its search path, with pg_temp last, so that nobody can replace our tables or functions with their own.

CREATE FUNCTION sessionls_trusted() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = '@schema@.sessions'::regclass), 'MEMBER')
$$;

CREATE FUNCTION sessionls_admin() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT pg_has_role(session_user, (SELECT relowner FROM pg_class WHERE oid = '@schema@.sessions'::regclass), 'MEMBER')
$$;

CREATE FUNCTION sessionls_role(wanted text) RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT coalesce(max(role), 0)::integer FROM access
  WHERE session_id = wanted AND heir = wanted AND reader IN (session_user, 'team')
$$;

CREATE FUNCTION sessionls_is_author(author jsonb) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT coalesce(CASE
    WHEN author->>'id' = session_user THEN EXISTS (
      SELECT 1 FROM names WHERE login = session_user AND name = author->>'name' AND email = coalesce(author->>'email', ''))
    ELSE starts_with(author->>'id', 'via:' || session_user || ':')
      AND right(author->>'name', length(' (copied by ' || session_user || ')')) = ' (copied by ' || session_user || ')'
  END, false)
$$;

CREATE FUNCTION sessionls_is_alive(wanted text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT EXISTS (
    SELECT 1 FROM processes, (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now) AS clock
    WHERE id = wanted AND alive_until > now AND alive_until <= now + lease + 10000)
$$;

CREATE FUNCTION sessionls_is_claimed_by_other(of_session text, wanted text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT sessionls_role(of_session) IN (1, 2, 3) AND EXISTS (
    SELECT 1 FROM claims
    WHERE session_id = of_session AND message_id = wanted AND login <> session_user AND sessionls_is_alive(process))
$$;

-- Whether no other login uses a process with that id. The owner of a lease controls all claims of the process.
CREATE FUNCTION sessionls_is_own_process(wanted text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT NOT EXISTS (SELECT 1 FROM claims WHERE process = wanted AND login <> session_user)
    AND NOT EXISTS (SELECT 1 FROM presence WHERE process = wanted AND participant_id <> session_user)
$$;

CREATE FUNCTION sessionls_login_exists(wanted text) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT coalesce(wanted = 'team', false) OR EXISTS (SELECT 1 FROM pg_roles WHERE rolname = wanted AND rolcanlogin)
$$;

CREATE FUNCTION sessionls_json(data text) RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT replace(data, '\u0000', '\u0001')::jsonb
$$;

-- Whether the data is an object in the form that sessionls writes, without text around it and without alternative field names.
CREATE FUNCTION sessionls_is_plain(data text, parsed jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT data IS NULL OR left(data, 1) = '{' AND right(data, 1) = '}'
    AND NOT EXISTS (SELECT 1 FROM jsonb_object_keys(parsed) AS name WHERE strpos(name, '_') > 0)
$$;

-- A message of a session that this login can see.
CREATE FUNCTION sessionls_message(of_session text, wanted text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT coalesce(sessionls_json(e.message) - ARRAY['status', 'delivery', 'steered'], '{}')
    || CASE WHEN m.data = '' THEN coalesce(sessionls_json(e.message), '{}') ELSE sessionls_json(m.data) END
  FROM messages AS m LEFT JOIN events AS e ON e.session_id = m.session_id AND e.seq = m.content_seq
  WHERE m.session_id = of_session AND m.id = wanted
$$;

CREATE FUNCTION sessionls_differ(a jsonb, b jsonb, but text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT (a - but) IS DISTINCT FROM (b - but)
$$;

CREATE FUNCTION sessionls_next_rev() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE number bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(@numbering@);
  PERFORM pg_notify('sessionls', '');
  UPDATE numbering SET rev = rev + 1 RETURNING rev INTO number;
  RETURN number;
END $$;

CREATE FUNCTION sessionls_has_findings(target text) RETURNS boolean LANGUAGE sql STABLE SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT EXISTS (SELECT 1 FROM findings WHERE session_id = target AND state = 'open')
$$;

-- (Without SECURITY DEFINER: only the triggers below may write to these tables, and direct calls are refused.)
CREATE FUNCTION sessionls_grant_access(target text, person_id text, as_role integer) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  INSERT INTO access (session_id, reader, heir, role, place, seq)
    VALUES (target, person_id, target, as_role, 9007199254740992, 9007199254740992)
    ON CONFLICT (session_id, reader, heir) DO UPDATE SET role = excluded.role, rev = NULL;
  INSERT INTO access (session_id, reader, heir, role, place, seq)
    WITH RECURSIVE lineage AS (
      SELECT parent_id AS id, fork_place::bigint AS place, fork_seq::bigint AS seq FROM sessions WHERE id = target
      UNION ALL
      SELECT s.parent_id, least(lineage.place, s.fork_place), least(lineage.seq, s.fork_seq)
      FROM lineage JOIN sessions AS s ON s.id = lineage.id
    ) SELECT id, person_id, target, 1, place, seq FROM lineage WHERE id IS NOT NULL
    ON CONFLICT (session_id, reader, heir) DO NOTHING;
  INSERT INTO reader_places (session_id, reader, kind, value, state, updated_at, attention, has_findings)
    SELECT s.id, person_id, p.kind, p.value, s.state, s.updated_at, s.attention, sessionls_has_findings(s.id)
    FROM sessions AS s CROSS JOIN LATERAL (
      SELECT kind, value FROM session_places WHERE session_id = s.id UNION ALL SELECT '*', ''
    ) AS p WHERE s.id = target AND NOT s.deleted
    ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION sessionls_revoke_access(target text, person_id text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  UPDATE access SET role = 0, rev = (SELECT s.rev FROM sessions AS s WHERE s.id = target)
    WHERE session_id = target AND heir = target AND reader = person_id;
  DELETE FROM access WHERE heir = target AND session_id <> target AND reader = person_id;
  DELETE FROM reader_places WHERE session_id = target AND reader = person_id;
END $$;

CREATE FUNCTION sessionls_session_created() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE people jsonb;
BEGIN
  people := coalesce(sessionls_json(NEW.data)#>'{session,people}', '[]');
  IF sessionls_admin() AND jsonb_array_length(people) > 0 THEN  -- restored from a backup
    PERFORM sessionls_grant_access(NEW.session_id, one->>'id',
      array_position(ARRAY['reader', 'commenter', 'writer', 'owner'], one->>'role')),
      sessionls_index_reader(NEW.session_id, one->>'id')
      FROM jsonb_array_elements(people) AS one;
  ELSE
    PERFORM sessionls_grant_access(NEW.session_id, coalesce(NEW.login, session_user), 4);
  END IF;
  RETURN NULL;
END $$;

-- Runs at once, and not at the end of the transaction, when nobody else can commit.
CREATE FUNCTION sessionls_shared() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  PERFORM sessionls_index_reader(NEW.session_id, sessionls_json(NEW.data)#>>'{person,id}');
  RETURN NULL;
END $$;

-- Runs at the end of the transaction, because a person who gives up their own role needs it until the session's row is written.
CREATE FUNCTION sessionls_people_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE d jsonb;
BEGIN
  d := sessionls_json(NEW.data);
  IF NEW.kind = 'shared' THEN
    PERFORM sessionls_grant_access(NEW.session_id, d->'person'->>'id',
      array_position(ARRAY['reader', 'commenter', 'writer', 'owner'], d->'person'->>'role'));
  ELSE
    PERFORM sessionls_revoke_access(NEW.session_id, d->>'personId');
  END IF;
  IF NOT EXISTS (SELECT 1 FROM access WHERE session_id = NEW.session_id AND heir = NEW.session_id AND role = 4) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a session must have an owner';
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION sessionls_session_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  IF NEW.state IS DISTINCT FROM OLD.state OR NEW.updated_at IS DISTINCT FROM OLD.updated_at THEN
    UPDATE session_places SET state = NEW.state, updated_at = NEW.updated_at
      WHERE session_id = NEW.id AND NEW.state IS NOT NULL;
  END IF;
  IF (NEW.state, NEW.updated_at, NEW.attention) IS DISTINCT FROM (OLD.state, OLD.updated_at, OLD.attention) THEN
    UPDATE reader_places SET state = NEW.state, updated_at = NEW.updated_at, attention = NEW.attention
      WHERE session_id = NEW.id AND NEW.state IS NOT NULL;
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION sessionls_place_added() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  INSERT INTO reader_places (session_id, reader, kind, value, state, updated_at, attention, has_findings)
    SELECT NEW.session_id, a.reader, NEW.kind, NEW.value, NEW.state, NEW.updated_at, s.attention, sessionls_has_findings(s.id)
    FROM access AS a JOIN sessions AS s ON s.id = a.session_id
    WHERE a.session_id = NEW.session_id AND a.heir = NEW.session_id AND a.role > 0
    ON CONFLICT DO NOTHING;
  PERFORM sessionls_index_place(NEW.session_id, NEW.kind, NEW.value);
  RETURN NULL;
END $$;

CREATE FUNCTION sessionls_findings_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE target text := coalesce(NEW.session_id, OLD.session_id); has boolean;
BEGIN
  has := sessionls_has_findings(target);
  UPDATE reader_places SET has_findings = has WHERE session_id = target AND has_findings <> has;
  RETURN NULL;
END $$;

CREATE FUNCTION sessionls_place_removed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  DELETE FROM reader_places WHERE session_id = OLD.session_id AND kind = OLD.kind AND value = OLD.value;
  RETURN NULL;
END $$;

CREATE FUNCTION sessionls_erase(target text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE shared record;
BEGIN
  WITH RECURSIVE descendants AS (
    SELECT id, deleted, fork_place::bigint AS place, fork_seq::bigint AS seq FROM sessions WHERE parent_id = target
    UNION ALL
    SELECT s.id, s.deleted, least(descendants.place, s.fork_place), least(descendants.seq, s.fork_seq)
    FROM descendants JOIN sessions AS s ON s.parent_id = descendants.id
  ) SELECT coalesce(max(place), 0) AS place, coalesce(max(seq), 0) AS seq, count(*) AS number INTO shared
    FROM descendants WHERE NOT deleted;
  DELETE FROM events WHERE session_id = target AND seq > shared.seq;
  IF to_regclass('@schema@.images') IS NOT NULL THEN
    EXECUTE 'DELETE FROM @schema@.images WHERE session_id = $1 AND seq > $2' USING target, shared.seq;
  END IF;
  DELETE FROM messages WHERE session_id = target AND (place IS NULL OR place > shared.place);
  DELETE FROM summaries WHERE session_id = target AND at_place > shared.place;
  IF shared.number = 0 THEN UPDATE sessions SET parent_id = NULL, summary = NULL WHERE id = target; END IF;
END $$;

CREATE FUNCTION sessionls_delete(target text) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE current_id text := target; next_session record; number bigint; below text;
BEGIN
  IF NOT sessionls_admin() AND sessionls_role(target) < 4 THEN
    RAISE insufficient_privilege USING MESSAGE = 'only an owner may delete a session';
  END IF;
  PERFORM pg_advisory_xact_lock(@deleting@);
  UPDATE sessions SET deleted = true, state = NULL, title_key = NULL, updated_at = NULL, reply = NULL, session = NULL,
    rest = NULL WHERE id = target;
  FOR below IN
    SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = '@schema@'::regnamespace AND c.relkind = 'r' AND a.attname = 'session_id'
      AND c.relname NOT IN ('events', 'messages', 'summaries', 'images', 'access')
  LOOP
    EXECUTE format('DELETE FROM @schema@.%I WHERE session_id = $1', below) USING target;
  END LOOP;
  WHILE current_id IS NOT NULL LOOP
    SELECT parent_id, deleted INTO next_session FROM sessions WHERE id = current_id;
    EXIT WHEN NOT next_session.deleted;
    PERFORM sessionls_erase(current_id);
    current_id := next_session.parent_id;
  END LOOP;
  number := sessionls_next_rev();
  UPDATE sessions SET rev = number WHERE id = target;
  UPDATE access SET role = 0, rev = number WHERE session_id = target AND heir = target AND role > 0;
  DELETE FROM access WHERE heir = target AND session_id <> target;
  RETURN number;
END $$;

CREATE FUNCTION sessionls_profile_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  IF lower(NEW.name) = 'team' OR EXISTS (SELECT 1 FROM names WHERE login <> NEW.login AND lower(name) = lower(NEW.name))
    OR EXISTS (SELECT 1 FROM pg_roles WHERE rolname <> NEW.login AND lower(rolname) = lower(NEW.name)) THEN
    RAISE unique_violation USING MESSAGE = 'another login uses that name';
  END IF;
  INSERT INTO names VALUES (NEW.login, NEW.name, coalesce(NEW.email, '')) ON CONFLICT DO NOTHING;
  RETURN NULL;
END $$;
