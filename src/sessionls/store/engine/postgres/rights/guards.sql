-- Triggers that check each row before it is written.
--
-- Row-level security decides which rows a login may write; these triggers check the content. An event must have its author's own
-- name, and a kind that the author's role allows. The projections of the log must agree with the log in everything that people
-- rely on: authors, texts, permission requests and roles.

CREATE FUNCTION sessionls_guard_event() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE
  d jsonb; m jsonb; s sessions%ROWTYPE; role integer; needed integer; question jsonb; asker jsonb; reply text;
BEGIN
  IF sessionls_trusted() THEN RETURN NEW; END IF;
  NEW.login := session_user;
  d := sessionls_json(NEW.data);
  m := sessionls_json(NEW.message);
  SELECT * INTO s FROM sessions WHERE id = NEW.session_id;
  -- Fields with columns must not be in the object, too, because there they would override the columns.
  IF NOT sessionls_is_plain(NEW.data, d) OR NOT sessionls_is_plain(NEW.message, m)
    OR d ?| ARRAY['sessionId', 'seq', 'at', 'kind', 'message'] OR m ? 'sessionId'
    OR (m IS NULL) <> (NEW.kind NOT IN ('messageSent', 'replyFinished')) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the event does not agree with its row';
  END IF;
  IF d->'by' ? 'id' AND NOT sessionls_is_author(d->'by') AND NOT
    (NEW.kind = 'messageSent' AND d->'by' = m->'author') THEN
    RAISE insufficient_privilege USING MESSAGE = 'an event must have its author''s own name';
  END IF;
  IF NEW.kind = 'created' THEN
    IF NEW.seq IS DISTINCT FROM (SELECT fork_seq + 1 FROM sessionls_new_session(NEW.session_id)) THEN
      RAISE insufficient_privilege USING MESSAGE = 'a session can only be created once';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM events WHERE session_id = NEW.session_id) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the numbers of events must not have gaps';
  END IF;
  role := sessionls_role(NEW.session_id);
  needed := CASE
    WHEN NEW.kind IN ('messageSent', 'participantJoined', 'participantLeft') THEN 2
    WHEN NEW.kind IN ('shared', 'unshared', 'archived', 'unarchived') THEN 4
    ELSE 3 END;
  IF role < needed THEN
    RAISE insufficient_privilege USING MESSAGE = format('the role in this session does not allow %s', NEW.kind);
  END IF;
  reply := coalesce(d->>'replyId', m->>'id', d#>>'{finding,messageId}', d->>'messageId');
  CASE NEW.kind
    WHEN 'messageSent' THEN
      IF m->>'role' IS DISTINCT FROM 'participant' THEN
        RAISE insufficient_privilege USING MESSAGE = 'the message must be one of a participant';
      END IF;
      IF NOT sessionls_is_author(m->'author') AND NOT (s.rev < 0 AND EXISTS (
        SELECT 1 FROM messages AS one JOIN events AS e ON e.session_id = one.session_id AND e.seq = one.content_seq
        WHERE one.session_id = s.parent_id AND sessionls_json(e.message)->'author' = m->'author'
          AND sessionls_json(e.message)->'parts' = m->'parts')) THEN
        RAISE insufficient_privilege USING MESSAGE = 'a message must have its author''s own name';
      END IF;
      IF role = 2 AND (m->>'status' IS DISTINCT FROM 'complete' OR m ?| ARRAY['agent', 'model', 'delivery']) THEN
        RAISE insufficient_privilege USING MESSAGE = 'a commenter may not send messages to agents';
      END IF;
    WHEN 'shared', 'unshared' THEN
      IF NEW.kind = 'shared' AND NOT (sessionls_login_exists(d->'person'->>'id') OR starts_with(d->'person'->>'id', 'via:'))
        OR NEW.kind = 'shared' AND d->'person'->>'role' NOT IN ('reader', 'commenter', 'writer', 'owner') THEN
        RAISE insufficient_privilege USING MESSAGE = 'unknown login or role';
      END IF;
      IF NOT coalesce(d->'by' ? 'id', false) THEN
        RAISE insufficient_privilege USING MESSAGE = 'the event needs an author';
      END IF;
    WHEN 'participantJoined' THEN
      IF NOT sessionls_is_author(d->'participant') THEN
        RAISE insufficient_privilege USING MESSAGE = 'participants may only join for themselves';
      END IF;
    WHEN 'participantLeft' THEN
      IF d->>'participantId' IS DISTINCT FROM session_user::text AND EXISTS (
        SELECT 1 FROM presence AS p
        WHERE p.session_id = NEW.session_id AND p.participant_id = d->>'participantId' AND sessionls_is_alive(p.process)) THEN
        RAISE insufficient_privilege USING MESSAGE = 'participants may only leave for themselves';
      END IF;
    WHEN 'permissionAnswered' THEN
      IF s.rev < 0 THEN  -- a session that is copied from elsewhere
        RETURN NEW;
      END IF;
      SELECT q INTO question FROM jsonb_array_elements(coalesce(sessionls_json(s.session)->'asking', '[]')) AS q
        WHERE q->>'requestId' = d->>'requestId';
      reply := question->>'messageId';
      IF NOT coalesce(d->'by' ? 'id', false) THEN
        IF d->>'decision' IS DISTINCT FROM 'deny' OR sessionls_is_claimed_by_other(NEW.session_id, reply) THEN
          RAISE insufficient_privilege USING MESSAGE = 'an answer needs an author';
        END IF;
      ELSIF reply IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = 'the question is not open';
      ELSIF role < 4 THEN
        asker := sessionls_message(NEW.session_id, sessionls_message(NEW.session_id, reply)->>'replyTo')->'author';
        IF asker->>'id' IS DISTINCT FROM session_user AND NOT EXISTS (
          SELECT 1 FROM claims WHERE session_id = NEW.session_id AND message_id = reply AND login = session_user) THEN
          RAISE insufficient_privilege USING MESSAGE = 'only owners and the person who asked the agent may answer';
        END IF;
      END IF;
    WHEN 'replyStarted', 'replyFinished', 'stepFinished', 'toolCalled', 'toolFinished', 'agentWorked', 'replyNoticed',
      'permissionAsked', 'findingReported', 'edited', 'messageSteered' THEN
      IF sessionls_is_claimed_by_other(NEW.session_id, reply) THEN RAISE insufficient_privilege USING MESSAGE = 'a process of another login writes that reply'; END IF;
    WHEN 'renamed', 'agentSwitched', 'resumed', 'cancelAsked', 'budgetChanged', 'archived', 'unarchived', 'changesReverted',
      'forked' THEN
      IF NOT coalesce(d->'by' ? 'id', false) THEN
        RAISE insufficient_privilege USING MESSAGE = 'the event needs an author';
      END IF;
    ELSE NULL;
  END CASE;
  RETURN NEW;
END $$;

CREATE FUNCTION sessionls_new_session(wanted text) RETURNS SETOF sessions
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, @schema@, pg_temp AS $$
  SELECT * FROM sessions WHERE id = wanted AND rev < 0 AND NOT EXISTS (SELECT 1 FROM access WHERE session_id = wanted)
$$;

CREATE FUNCTION sessionls_guard_session() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE
  role integer; old_s jsonb; new_s jsonb; old_r jsonb; new_r jsonb; free text[] := ARRAY[]::text[]; parent sessions%ROWTYPE;
BEGIN
  IF sessionls_trusted() THEN RETURN NEW; END IF;
  new_s := sessionls_json(NEW.session);
  new_r := sessionls_json(NEW.rest);
  IF NEW.deleted OR new_s->>'id' IS DISTINCT FROM NEW.id OR NOT sessionls_is_plain(NEW.session, new_s)
    OR NOT sessionls_is_plain(NEW.rest, new_r) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the session does not agree with its row';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.rev >= 0 OR NEW.summary IS NOT NULL AND NEW.parent_id IS NULL
      OR jsonb_array_length(coalesce(new_r->'granted', '[]') || coalesce(new_s->'asking', '[]')) > 0 THEN RAISE insufficient_privilege USING MESSAGE = 'a new session must not have questions or grants'; END IF;
    IF NEW.parent_id IS NULL THEN
      IF NEW.fork_place <> 0 OR NEW.fork_seq <> 0 THEN RAISE insufficient_privilege USING MESSAGE = 'only a fork may refer to another session'; END IF;
    ELSE
      SELECT * INTO parent FROM sessions WHERE id = NEW.parent_id;
      IF NOT FOUND OR sessionls_role(parent.id) = 0 OR NEW.fork_place > parent.placed OR NEW.fork_seq > parent.seq THEN
        RAISE insufficient_privilege USING MESSAGE = 'a fork may only refer to existing messages that its creator may read';
      END IF;
    END IF;
    IF EXISTS (
        SELECT 1 FROM jsonb_array_elements(coalesce(new_s->'participants', '[]') || coalesce(new_s->'present', '[]')) AS one
        WHERE NOT sessionls_is_author(one) AND (
          parent.id IS NULL OR NOT coalesce(sessionls_json(parent.session)->'participants', '[]') @> jsonb_build_array(one))) THEN
      RAISE insufficient_privilege USING MESSAGE = 'a participant may only be added by that participant';
    END IF;
    RETURN NEW;
  END IF;
  role := sessionls_role(NEW.id);
  IF (NEW.id, NEW.parent_id, NEW.fork_place, NEW.fork_seq, NEW.deleted)
    IS DISTINCT FROM (OLD.id, OLD.parent_id, OLD.fork_place, OLD.fork_seq, OLD.deleted) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the origin of a session must not change';
  END IF;
  IF NEW.rev < OLD.rev OR NEW.rev > (SELECT rev FROM numbering) THEN RAISE insufficient_privilege USING MESSAGE = 'the database assigns the numbers of changes'; END IF;
  IF NEW.summary IS DISTINCT FROM OLD.summary AND (role < 3 OR NOT EXISTS (
    SELECT 1 FROM summaries WHERE n = NEW.summary AND session_id = NEW.id)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the summary belongs to another session';
  END IF;
  IF NEW.seq = OLD.seq THEN
    IF (NEW.state, NEW.title_key, NEW.updated_at, NEW.placed, NEW.reply, NEW.session, NEW.rest) IS DISTINCT FROM
      (OLD.state, OLD.title_key, OLD.updated_at, OLD.placed, OLD.reply, OLD.session, OLD.rest) THEN
      RAISE insufficient_privilege USING MESSAGE = 'a session may only change with an event';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.seq <> (SELECT max(seq) FROM events WHERE session_id = NEW.id) THEN RAISE insufficient_privilege USING MESSAGE = 'the session must have the number of its last event'; END IF;
  old_s := sessionls_json(OLD.session);
  old_r := sessionls_json(OLD.rest);
  free := CASE
    WHEN role >= 4 THEN ARRAY['people', 'state']
    WHEN role = 3 AND 'archived' NOT IN (OLD.state, NEW.state) THEN ARRAY['state']
    ELSE ARRAY[]::text[] END;
  IF role = 2 AND (sessionls_differ(old_s, new_s, ARRAY['seq', 'updatedAt', 'messageCount', 'participants', 'present', 'needs'])
      OR EXISTS (  -- a comment that mentions somebody needs them, and nothing else is added
        SELECT 1 FROM jsonb_array_elements(coalesce(new_s->'needs', '[]')) AS one
        WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(coalesce(old_s->'needs', '[]')) AS kept WHERE kept = one)
          AND NOT (one->>'kind' = 'mention' AND NOT one ? 'waiting' AND sessionls_is_author(one->'by') AND EXISTS (
            SELECT 1 FROM events AS e, LATERAL sessionls_json(e.message) AS sent
            WHERE e.session_id = NEW.id AND e.seq > OLD.seq AND e.kind = 'messageSent' AND sent->>'id' = one->>'messageId'
              AND sent->'mentions' ? (one->'participant'->>'id')
              AND strpos(coalesce(sent->'parts'->0->>'text', ''), coalesce(one->>'note', '')) > 0)))
      OR sessionls_differ(old_r, new_r, ARRAY['present']) OR NEW.reply IS DISTINCT FROM OLD.reply
      OR NEW.title_key IS DISTINCT FROM OLD.title_key OR NEW.state IS DISTINCT FROM OLD.state)
    OR role < 2 THEN
    RAISE insufficient_privilege USING MESSAGE = 'the role in this session does not allow that';
  END IF;
  IF EXISTS (SELECT 1 FROM unnest(ARRAY['id', 'createdAt', 'parent', 'workspaceFolders', 'people', 'state']) AS k
    WHERE k <> ALL (free) AND old_s->k IS DISTINCT FROM new_s->k) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the role in this session does not allow that';
  END IF;
  IF NEW.state IS DISTINCT FROM new_s->>'state' OR NEW.updated_at IS DISTINCT FROM new_s->>'updatedAt' THEN
    RAISE insufficient_privilege USING MESSAGE = 'the list columns must agree with the session';
  END IF;
  IF EXISTS (
      SELECT 1 FROM jsonb_array_elements(coalesce(new_s->'participants', '[]') || coalesce(new_s->'present', '[]')) AS one
      WHERE NOT coalesce(old_s->'participants', '[]') || coalesce(old_s->'present', '[]') @> jsonb_build_array(one)
        AND NOT sessionls_is_author(one)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a participant may only be added by that participant';
  END IF;
  IF EXISTS (
      SELECT 1 FROM jsonb_array_elements(coalesce(new_r->'granted', '[]')) AS one
      WHERE one->>0 IS DISTINCT FROM session_user::text AND NOT EXISTS (
        SELECT 1 FROM jsonb_array_elements(coalesce(old_r->'granted', '[]')) AS kept WHERE kept = one)) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a participant may only add their own grants';
  END IF;
  IF EXISTS (
      SELECT 1 FROM jsonb_array_elements(coalesce(new_s->'asking', '[]')) AS one
      WHERE NOT EXISTS (SELECT 1 FROM jsonb_array_elements(coalesce(old_s->'asking', '[]')) AS kept WHERE kept = one)
        AND NOT EXISTS (
          SELECT 1 FROM events AS e, LATERAL sessionls_json(e.data) AS asked
          WHERE e.session_id = NEW.id AND e.seq > OLD.seq AND e.kind = 'permissionAsked'
            AND asked->'requestId' = one->'requestId' AND asked->'summary' = one->'summary'
            AND asked->>'detail' IS NOT DISTINCT FROM one->>'detail' AND asked->'tool' = one->'tool'
            AND asked->'risk' = one->'risk' AND asked->'messageId' = one->'messageId'
            AND coalesce(asked->>'scope', '') = coalesce(one->>'scope', ''))) THEN
    RAISE insufficient_privilege USING MESSAGE = 'a question must agree with its event';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION sessionls_guard_message() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
DECLARE before jsonb; d jsonb; source_event events%ROWTYPE; role integer;
BEGIN
  IF sessionls_trusted() THEN RETURN coalesce(NEW, OLD); END IF;
  role := sessionls_role(coalesce(NEW.session_id, OLD.session_id));
  IF TG_OP = 'DELETE' THEN
    IF role < 3 OR OLD.place IS NOT NULL OR NOT EXISTS (
      SELECT 1 FROM events AS e JOIN sessions AS s ON s.id = e.session_id
      WHERE e.session_id = OLD.session_id AND e.seq > s.seq AND e.kind = 'messageWithdrawn'
        AND sessionls_json(e.data)->>'messageId' = OLD.id) THEN
      RAISE insufficient_privilege USING MESSAGE = 'only a withdrawn message may be removed';
    END IF;
    RETURN OLD;
  END IF;
  d := CASE WHEN NEW.data = '' THEN '{}'::jsonb ELSE sessionls_json(NEW.data) END;
  IF NEW.data <> '' AND NOT sessionls_is_plain(NEW.data, d) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the message does not agree with its row';
  END IF;
  -- The text of a message is in its event. The row only has the fields that may change, or a whole reply.
  IF NEW.content_seq IS NOT NULL THEN
    SELECT * INTO source_event FROM events WHERE session_id = NEW.session_id AND seq = NEW.content_seq;
    IF NOT FOUND OR sessionls_json(source_event.message)->>'id' IS DISTINCT FROM NEW.id
      OR d - ARRAY['status', 'delivery', 'steered'] <> '{}'::jsonb THEN
      RAISE insufficient_privilege USING MESSAGE = 'a message must agree with its event';
    END IF;
  ELSIF d->>'id' IS DISTINCT FROM NEW.id OR d->>'sessionId' IS DISTINCT FROM NEW.session_id THEN
    RAISE insufficient_privilege USING MESSAGE = 'the message does not agree with its row';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.n > pg_sequence_last_value('@schema@.messages_n_seq') THEN
      RAISE insufficient_privilege USING MESSAGE = 'the database assigns the numbers of messages';
    END IF;
    IF NEW.content_seq IS NULL THEN
      SELECT * INTO source_event FROM events WHERE session_id = NEW.session_id AND seq = NEW.seq;
      IF NOT FOUND OR d->>'role' IS DISTINCT FROM 'agent' OR source_event.kind NOT IN ('replyStarted', 'replyFinished') OR NEW.id
        IS DISTINCT FROM coalesce(sessionls_json(source_event.message)->>'id', sessionls_json(source_event.data)->>'messageId') THEN
        RAISE insufficient_privilege USING MESSAGE = 'a message must be added with its event';
      END IF;
    END IF;
    IF source_event.login IS DISTINCT FROM session_user::text OR role < 3 AND source_event.kind <> 'messageSent' THEN
      RAISE insufficient_privilege USING MESSAGE = 'a message must be added with its event';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.n, NEW.session_id, NEW.id, NEW.seq) IS DISTINCT FROM (OLD.n, OLD.session_id, OLD.id, OLD.seq)
    OR OLD.place IS NOT NULL AND (NEW.place IS NULL OR NEW.place < OLD.place)
    OR role < 2 OR role = 2 AND (NEW.data, NEW.content_seq, NEW.place, NEW.ended_seq)
      IS DISTINCT FROM (OLD.data, OLD.content_seq, OLD.place, OLD.ended_seq) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the role in this session does not allow that';
  END IF;
  IF (NEW.data, NEW.content_seq) IS NOT DISTINCT FROM (OLD.data, OLD.content_seq) THEN RETURN NEW; END IF;
  before := sessionls_message(OLD.session_id, OLD.id);
  IF before IS NULL THEN
    RAISE insufficient_privilege USING MESSAGE = 'unknown message';
  ELSIF before->>'role' = 'participant' THEN
    IF NEW.content_seq IS DISTINCT FROM OLD.content_seq OR NEW.content_seq IS NULL
      AND sessionls_differ(before, d, ARRAY['status', 'steered', 'delivery', 'sessionId']) THEN
      RAISE insufficient_privilege USING MESSAGE = 'a sent message must not change';
    END IF;
  ELSIF before->>'status' IN ('complete', 'cancelled') OR sessionls_is_claimed_by_other(NEW.session_id, NEW.id)
    OR NEW.content_seq IS NULL AND (d->>'role' IS DISTINCT FROM 'agent' OR d->'replyTo' IS DISTINCT FROM before->'replyTo') THEN
    RAISE insufficient_privilege USING MESSAGE = 'only the process that writes a reply may change it, and only until the reply ends';
  END IF;
  RETURN NEW;
END $$;

-- Checks that a row stays in its session, and that the database assigned its number.
CREATE FUNCTION sessionls_guard_row() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  IF sessionls_trusted() THEN RETURN NEW; END IF;
  IF TG_OP = 'UPDATE' AND (TG_TABLE_NAME = 'claims'
    OR to_jsonb(NEW)->>'session_id' IS DISTINCT FROM to_jsonb(OLD)->>'session_id') THEN
    RAISE insufficient_privilege USING MESSAGE = 'a row must not move to another session';
  END IF;
  IF TG_TABLE_NAME IN ('drafts', 'summaries', 'titles')
    AND (to_jsonb(NEW)->>'n')::bigint > pg_sequence_last_value(format('@schema@.%I', TG_TABLE_NAME || '_n_seq')::regclass) THEN
    RAISE insufficient_privilege USING MESSAGE = 'the database assigns the numbers of rows';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION sessionls_guard_login() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  IF NOT sessionls_trusted() THEN NEW.login := session_user; END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION sessionls_guard_truncate() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, @schema@, pg_temp AS $$
BEGIN
  IF NOT sessionls_trusted() THEN RAISE insufficient_privilege USING MESSAGE = 'tables must not be truncated'; END IF;
  RETURN NULL;
END $$;
