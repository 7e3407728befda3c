// SPDX-License-Identifier: MIT
/* Two users, which needs root: the mode of a name decides, and the peer is attested. */
#include <sys/stat.h>
#include "form.h"

#define OTHER_UID NOBODY

struct visit {
	char uri[URI_MAX];
	const struct form *form;
	gid_t gid;
	int want; /* result of the other user's open */
};

/* It may use the transport as such, so that a refusal is about the name. */
static void must_make_pair(const struct form *f)
{
	struct kipc_chan *c[2];
	char uri[40];
	int r;

	snprintf(uri, sizeof(uri), "%s://", f->scheme);
	r = kipc_chan_pair(c, uri, KIPC_PAIR, NULL);
	if (r < 0)
		harness_fail(__FILE__, __LINE__, "the other user cannot use %s: %s", f->scheme,
		             kipc_why());
	kipc_chan_close(c[0]);
	kipc_chan_close(c[1]);
}

static void visit_name(struct peer *me, void *arg)
{
	struct visit *v = arg;
	struct kipc_chan *c = NULL;
	struct kipc_peer p = { .size = sizeof(p) };
	int r;

	(void)me;
	become_user(OTHER_UID, v->gid);
	must_make_pair(v->form);
	r = kipc_chan_open(&c, v->uri, KIPC_PAIR, NULL);
	must_eq(r, v->want);
	if (r < 0) {
		must(*kipc_why());
		must_eq(kipc_chan_open(&c, v->uri, KIPC_PAIR | KIPC_CREATE, NULL), v->want);
		return;
	}
	must_eq(send_one(c, 25, 2, 0, -1), 0);
	recv_one(c, 25, 1, 0);
	must_eq(kipc_chan_peer(c, &p), 0);
	if (form_can(v->form, KIPC_CAP_PEER_CRED))
		must_eq(p.uid, 0);
	must_eq(kipc_recv(c, v, sizeof(*v), -1), -EPIPE);
	kipc_chan_close(c);
}

static void check_mode(const struct form *f, const char *options, int want)
{
	struct visit v = { .form = f, .gid = form_group(f), .want = want };
	struct kipc_peer p = { .size = sizeof(p) };
	struct kipc_chan *c;
	struct peer peer;

	form_uri(f, options, v.uri, sizeof(v.uri));
	must_eq(kipc_chan_open(&c, v.uri, KIPC_PAIR | KIPC_CREATE, NULL), 0);
	peer_start(&peer, visit_name, &v);
	if (want == 0) {
		recv_one(c, 25, 2, 0);
		must_eq(send_one(c, 25, 1, 0, -1), 0);
		must_eq(kipc_chan_peer(c, &p), 0);
		if (form_can(f, KIPC_CAP_PEER_CRED)) {
			must_eq(p.uid, OTHER_UID);
			must_eq(p.gid, v.gid);
		}
	} else {
		peer_end(&peer);
	}
	kipc_chan_close(c);
	if (want == 0)
		peer_end(&peer);
}

static void need_root(void)
{
	if (geteuid() != 0)
		harness_skip("root", "two users need root");
}

EACH_NAMED(user_default_mode_refuses_others)
{
	need_root();
	check_mode(f, "", -EACCES);
}

EACH_NAMED(user_mode_0600_refuses_others)
{
	need_root();
	check_mode(f, "mode=0600", -EACCES);
}

/* Both r and w are needed. */
EACH_NAMED(user_mode_0644_refuses_others)
{
	need_root();
	check_mode(f, "mode=0644", -EACCES);
}

EACH_NAMED(user_mode_0666_admits_others)
{
	mode_t old = umask(077);

	need_root();
	check_mode(f, "mode=0666", 0);
	umask(old);
}

EACH_NAMED(user_mode_0660_admits_the_group)
{
	need_root();
	if (form_group(f) != OTHER_UID)
		return; /* the device's group is what the visitor has */
	must_sys(setegid(OTHER_UID));
	check_mode(f, "mode=0660", 0);
}

/* ---- credentials ------------------------------------------------------------------------ */

static void stay_until_told(struct peer *me, void *arg)
{
	struct kipc_chan *c = duo_theirs(arg);
	struct kipc_peer p = { .size = sizeof(p) };

	recv_one(c, 1, 2, 0);
	must_eq(kipc_chan_peer(c, &p), 0);
	must_eq(p.state, KIPC_PEER_ALIVE);
	must_eq(send_one(c, 1, 1, 0, -1), 0);
	peer_tell(me, 'u');
	peer_expect(me, 'e');
	kipc_chan_close(c);
}

EACH_FORM(user_peer_state_and_credentials)
{
	struct kipc_peer p = { .size = sizeof(p) };
	struct kipc_chan *c;
	struct peer peer;
	struct duo d;

	duo_make(&d, f, "");
	if (f->named) {
		must_eq(kipc_chan_peer(d.end[0], &p), 0);
		must_eq(p.state, KIPC_PEER_ABSENT);
	}
	peer_start(&peer, stay_until_told, &d);
	c = duo_mine(&d);
	must_eq(send_one(c, 1, 2, 0, -1), 0);
	recv_one(c, 1, 1, 0);
	must_eq(kipc_chan_peer(c, &p), 0);
	must_eq(p.state, KIPC_PEER_ALIVE);
	peer_expect(&peer, 'u');
	if (form_can(f, KIPC_CAP_PEER_CRED)) {
		/* A socket pair knows who made it, not who holds it. */
		must(p.pid == peer.pid || !strcmp(f->id, "unix_anon"));
		must_eq(p.uid, geteuid());
		must_eq(p.gid, getegid());
	}
	peer_tell(&peer, 'e');
	peer_end(&peer);
	must_eq(kipc_recv(c, &p, sizeof(p), -1), -EPIPE);
	p.size = sizeof(p);
	must_eq(kipc_chan_peer(c, &p), 0);
	must_eq(p.state, KIPC_PEER_GONE);
	p.size = 3;
	must_eq(kipc_chan_peer(c, &p), -EINVAL);
	must_eq(kipc_chan_peer(c, NULL), -EINVAL);
	kipc_chan_close(c);
}
