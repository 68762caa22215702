package policy

import "slices"

// eventSet is a named set of ready-made events.
type eventSet struct {
	name   string
	events []Event
}

// eventSets follow the source code of the systems, as far as an access log shows what happens.
// It does not show titles, the content of forms, or any user name but that of %u.
var eventSets = []eventSet{
	{"http", []Event{
		event("not-found", "404,410"),
		event("denied", "401,403"),
		event("error", "500-599"),
	}},

	// WordPress 6.1.9. Each form that succeeds, and each redirect, goes through wp_redirect,
	// which answers 302 (wp-includes/pluggable.php:1366, 1509); a form with errors is shown
	// again.
	{"wordpress", []Event{
		// wp-login.php:745 (logout), :778 redirects.
		event("logout", "302", url("*/wp-login.php"), query("action=logout")),
		// wp-login.php:1019 (register), :1053 redirects. An administrator adds users in
		// wp-admin/user-new.php, which redirects to users.php (:201), or to itself (:178,
		// :203, :233).
		event("register", "302", post, url("*/wp-login.php"), query("action=register")),
		event("register", "200", url("*/wp-admin/users.php", "*/wp-admin/user-new.php"), query("update=add", "update=addnoconfirmation")),
		// wp-login.php:1231 signs on, :1331 redirects. A user who has to log in again while
		// working sees a page on success (:1270), which looks like login-failed. The form names
		// no action in its URL (:1468 ff.).
		event("login", "302", post, url("*/wp-login.php"), otherActions),
		event("login-failed", "200", post, url("*/wp-login.php"), otherActions),
		// wp-admin/post.php:224 (editpost), :238 (trash), :275 (untrash), :304 (delete); the
		// block editor calls the REST API, which answers 200, or 201 for a new post
		// (wp-includes/rest-api/endpoints/class-wp-rest-posts-controller.php:786); it saves
		// drafts on its own.
		event("change", "302", post, url("*/wp-admin/post.php")),
		event("change", "302", url("*/wp-admin/post.php"), query("action=trash", "action=untrash", "action=delete")),
		event("change", "200-201", methods("POST", "PUT", "PATCH", "DELETE"), url("*/wp-json/wp/v2/posts*", "*/wp-json/wp/v2/pages*")),
		// wp-admin/users.php:168 (dodelete) redirects to itself with update=del (:193).
		event("delete-user", "200", url("*/wp-admin/users.php"), query("update=del")),
		event("delete-user", "200", methods("DELETE"), url("*/wp-json/wp/v2/users/*")),
		// The form requests the home page with parameter s
		// (wp-includes/general-template.php:326).
		event("search", "200", methods("GET"), url("*/", "*/index.php"), query("s")),
	}},

	// Drupal 8 to 11. A form that succeeds redirects with 303 (FormSubmitter::redirectForm,
	// core/lib/Drupal/Core/Form/FormSubmitter.php), or with 302 to the page of a batch
	// (batch_process, core/includes/form.inc); one with errors is shown again. A form may be on
	// any page, such as the login block; these are not recognized.
	{"drupal", []Event{
		// user.login (core/modules/user/user.routing.yml); in API requests,
		// UserAuthenticationController::login answers 200, 400 or 429.
		event("login", "303", post, url("*/user/login")),
		event("login", "200", post, url("*/user/login"), query("_format")),
		// UserLoginForm::validateFinal shows the form again, or answers 403 after too many
		// attempts (core/modules/user/src/Form/UserLoginForm.php).
		event("login-failed", "200", post, url("*/user/login"), unlessQuery("_format")),
		event("login-failed", "400,403,429", post, url("*/user/login")),
		// UserController::logout redirects with 302. Since 10.3 it requires a token, and
		// otherwise redirects to a form, UserLogoutConfirm (_csrf_confirm_form_route of
		// user.logout in user.routing.yml). In API requests it answers 204.
		event("logout", "302", methods("GET"), url("*/user/logout")),
		event("logout", "303", post, url("*/user/logout/confirm")),
		event("logout", "204", post, url("*/user/logout")),
		// user.register and user.admin_create (user.routing.yml).
		event("register", "303", post, url("*/user/register", "*/admin/people/create")),
		// node.add (core/modules/node/node.routing.yml), edit and delete
		// (NodeRouteProvider, core/modules/node/src/Entity).
		event("change", "302,303", post, url("*/node/add/*", "*/node/*/edit", "*/node/*/delete")),
		// entity.user.cancel_form, user.multiple_cancel_confirm, and user.cancel_confirm, a link
		// sent by mail (user.routing.yml; UserCancelForm, UserController::confirmCancel).
		event("delete-user", "302,303", post, url("*/user/*/cancel", "*/admin/people/cancel")),
		event("delete-user", "302", methods("GET"), url("*/user/*/cancel/confirm/*")),
		// SearchPageRoutes (core/modules/search/src/Routing).
		event("search", "200", methods("GET"), url("*/search/*"), query("keys")),
	}},

	// TYPO3 8 to 13, the backend; the routes are in
	// typo3/sysext/backend/Configuration/Backend/Routes.php and AjaxRoutes.php. Before version
	// 11, index.php took them as a parameter. Logins on a page (felogin) and the kind of a
	// deleted record are not recognized.
	{"typo3", []Event{
		// LoginController::checkRedirect answers 303 once the user is logged in, and formAction
		// shows the form again (typo3/sysext/backend/Classes/Controller/LoginController.php).
		event("login", "303", post, url("*/typo3/login")),
		event("login", "303", post, url("*/typo3/index.php"), query("route=/login")),
		event("login-failed", "200", post, url("*/typo3/login")),
		event("login-failed", "200", post, url("*/typo3/index.php"), query("route=/login")),
		// LogoutController::logoutAction; AjaxLoginController::logoutAction.
		event("logout", "303", url("*/typo3/logout")),
		event("logout", "303", url("*/typo3/index.php"), query("route=/logout")),
		event("logout", "200", url("*/typo3/ajax/logout")),
		// EditDocumentController receives the forms that it shows;
		// SimpleDataHandlerController::mainAction and processAjaxRequest receive data and
		// commands, FileController those for files.
		event("change", "200-303", post, url("*/typo3/record/edit", "*/typo3/record/commit", "*/typo3/file/commit")),
		event("change", "200-303", methods("GET"), url("*/typo3/record/commit", "*/typo3/file/commit")),
		event("change", "200", url("*/typo3/ajax/record/process", "*/typo3/ajax/file/process")),
		event("change", "200-303", post, url("*/typo3/index.php"), query("route=/record/edit", "route=/record/commit", "route=/file/commit")),
		// The form of indexed_search posts the search words, so the log does not show them
		// (typo3/sysext/indexed_search/Resources/Private/Partials/Form.html).
		event("search", "200", query("tx_indexedsearch_pi2[action]=search")),
	}},
}

// event returns an event of a set.
func event(name, statuses string, more ...func(*Event)) Event {
	e := Event{Name: name}
	e.Condition.Status, _ = parseStatuses(statuses)
	for _, m := range more {
		m(&e)
	}
	return e
}

func methods(list ...string) func(*Event) {
	return func(e *Event) { e.Condition.Methods = list }
}

var post = methods("POST")

func url(globs ...string) func(*Event) {
	return func(e *Event) { e.Condition.URLs = globs }
}

func query(list ...string) func(*Event) {
	return func(e *Event) { e.Condition.Queries = parseQueries(list) }
}

// unlessQuery excludes requests with one of the parameters.
func unlessQuery(list ...string) func(*Event) {
	return func(e *Event) { e.Unless.Queries = parseQueries(list) }
}

// otherActions excludes what wp-login.php does apart from logging in (:452 ff.).
var otherActions = unlessQuery("action=confirm_admin_email", "action=confirmaction", "action=entered_recovery_mode",
	"action=logout", "action=lostpassword", "action=postpass", "action=register", "action=resetpass", "action=retrievepassword", "action=rp")

func parseQueries(list []string) (queries []Query) {
	for _, text := range list {
		queries = append(queries, parseQuery(text))
	}
	return queries
}

// SetNames returns the names of the ready-made sets of events.
func SetNames() (list []string) {
	for _, s := range eventSets {
		list = append(list, s.name)
	}
	return list
}

// Events returns all events: those of the sets in the order of the file, then the file's own.
// The first one that fits a line gives it its name.
func (p *Policy) Events() (list []Event) {
	for _, name := range p.Sets {
		i := slices.IndexFunc(eventSets, func(s eventSet) bool { return s.name == name })
		list = append(list, eventSets[i].events...)
	}
	return append(list, p.Own...)
}

// eventNames returns the names of all events, each once.
func (p *Policy) eventNames() (list []string) {
	for _, e := range p.Events() {
		if e.Name != "" && !slices.Contains(list, e.Name) {
			list = append(list, e.Name)
		}
	}
	return list
}
