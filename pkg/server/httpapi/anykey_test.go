package httpapi_test

import (
	"context"

	"stackctl/pkg/server/app"
)

// anykey is passkeys that take what they are given, and see that it is within the
// contract's bounds.
type anykey struct{ *anybody }

func (a anykey) assertion(answer app.Assertion) {
	a.took(map[string]int{answer.ID: 1364, answer.ClientData: 4096, answer.AuthenticatorData: 2048, answer.Signature: 2048, answer.UserHandle: 88})
}

func (a anykey) begun() ([]byte, error) {
	a.took(nil)
	return []byte(`{"challenge":"eA"}`), nil
}

func (a anykey) BeginLogIn(context.Context, app.Token) ([]byte, error) { return a.begun() }
func (a anykey) LogIn(_ context.Context, answer app.Assertion, _, _ app.Token) (app.Token, app.User, error) {
	a.assertion(answer)
	return app.NewToken(), a.user, nil
}
func (a anykey) BeginEnter(context.Context, app.Token, app.SessionKind) ([]byte, error) {
	return a.begun()
}
func (a anykey) Enter(_ context.Context, _ app.Token, answer app.Assertion, _ app.SessionKind, _ app.Token) (app.Token, app.User, error) {
	a.assertion(answer)
	return app.NewToken(), a.user, nil
}
func (a anykey) BeginProof(context.Context, app.Session) ([]byte, error) { return a.begun() }
func (a anykey) Prove(_ context.Context, _ app.User, _ app.Session, answer app.Assertion) error {
	a.assertion(answer)
	return nil
}
func (a anykey) List(context.Context, string) ([]app.Passkey, error) {
	return []app.Passkey{{ID: a.user.ID}}, nil
}
func (a anykey) BeginAdd(context.Context, app.User, app.Session) ([]byte, error) { return a.begun() }
func (a anykey) Add(_ context.Context, _ app.User, _ app.Session, name string, answer app.Attestation) (app.AddedPasskey, error) {
	a.took(map[string]int{name: 80, answer.ID: 1364, answer.ClientData: 4096, answer.Object: 16384})
	for _, t := range answer.Transports {
		a.took(map[string]int{t: 20})
	}
	return app.AddedPasskey{Passkey: app.Passkey{ID: a.user.ID}}, nil
}
func (a anykey) Rename(_ context.Context, _, id, name string) error {
	a.took(map[string]int{id: 36, name: 80})
	return nil
}
func (a anykey) Remove(_ context.Context, _ app.Session, id string) error {
	a.took(map[string]int{id: 36})
	return nil
}
