package app

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// Device is what a browser keeps so that the site knows it again: an ID, and for
// each of its last users a mark that only the site can make (OWASP, Device
// Cookies). It opens nothing. It is what tells an owner from whoever guesses at
// their account: a device from which a user has logged in has a budget of its
// own, which nobody else can use up.
type Device string

// DeviceLife is how long a device counts as a user's own after a login.
const DeviceLife = 180 * 24 * time.Hour

// maxDeviceUsers bounds the users of one device that are remembered.
const maxDeviceUsers = 4

// Lengths of a device's parts in base64.
const (
	deviceIDLength   = 22 // 16 bytes
	deviceMarkLength = 22
	maxDevice        = deviceIDLength + maxDeviceUsers*(deviceMarkLength+12)
)

// DeviceKey makes and checks the marks of devices.
type DeviceKey struct{ key []byte }

// NewDeviceKey derives a key from the server's secret.
func NewDeviceKey(secret []byte) (DeviceKey, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "device cookie", 32)
	return DeviceKey{key: key}, err
}

// Knows reports whether a user of this very address has logged in on a device
// within DeviceLife, and returns the device's ID.
func (k DeviceKey) Knows(d Device, email string, now time.Time) (id string, known bool) {
	id, marks := d.parts()
	for _, m := range marks {
		if k.holds(id, m, email, now) {
			return id, true
		}
	}
	return "", false
}

// Mark returns the device with a mark for a user; a device that is none yet
// gets an ID.
func (k DeviceKey) Mark(d Device, email string, now time.Time) Device {
	id, marks := d.parts()
	if id == "" {
		var b [16]byte
		rand.Read(b[:]) // never fails since Go 1.24
		id = base64.RawURLEncoding.EncodeToString(b[:])
	}
	day := strconv.FormatInt(now.Unix()/86400, 36)
	kept := []string{id, day + "-" + k.mark(id, day, email)}
	for _, m := range marks {
		if len(kept) <= maxDeviceUsers && !k.holds(id, m, email, now) {
			kept = append(kept, m)
		}
	}
	return Device(strings.Join(kept, "."))
}

// parts takes a device apart; an empty ID: it is none that Mark could have made.
func (d Device) parts() (id string, marks []string) {
	if len(d) > maxDevice {
		return "", nil
	}
	all := strings.Split(string(d), ".")
	if len(all[0]) != deviceIDLength || strings.Trim(all[0], base64URL) != "" || len(all) > maxDeviceUsers+1 {
		return "", nil
	}
	return all[0], all[1:]
}

const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

func (k DeviceKey) holds(id, mark, email string, now time.Time) bool {
	day, sum, _ := strings.Cut(mark, "-")
	n, err := strconv.ParseInt(day, 36, 32)
	age := now.Sub(time.Unix(n*86400, 0))
	return err == nil && age >= 0 && age < DeviceLife && hmac.Equal([]byte(sum), []byte(k.mark(id, day, email)))
}

// mark is bound to the address as it is written: whoever signs up with another
// spelling shares the counters, not what a login earns.
func (k DeviceKey) mark(id, day, email string) string {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(id + "\x00" + day + "\x00" + folded(email)))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}

type deviceKey struct{}

// WithDevice adds the device of a request to its context.
func WithDevice(ctx context.Context, d Device) context.Context {
	return context.WithValue(ctx, deviceKey{}, d)
}

func deviceOf(ctx context.Context) Device {
	d, _ := ctx.Value(deviceKey{}).(Device)
	return d
}

// Familiar returns the device of a request as it is to be kept after a user has
// proven to be who they are: by a login, or by a token from their mail.
func (a *Accounts) Familiar(ctx context.Context, user User) Device {
	return a.Devices.Mark(deviceOf(ctx), user.Email, a.now())
}
