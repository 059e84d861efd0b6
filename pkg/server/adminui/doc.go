// Package adminui owns the staff pages: server-rendered HTML that works
// without JavaScript (but passkeys), made from the declarations of the app's models. It must
// not know SQL or what the API does.
package adminui
