package deploy

import "time"

// operator is a deployer whose clock is off by skew.
func operator(root, name string, skew time.Duration) *story {
	d := &Deployer{Owner: name, Run: "run-" + name, Now: func() time.Time { return time.Now().Add(skew) }}
	d.Target.Path, d.Target.Host, d.Config.Project = root, "shop.example", "shop"
	return d.begin("deploy")
}
