// Command cluster takes figures of clusters for docs/benchmarks.md: how long placement
// and plan take for many nodes and services, and deploys to droplets of this machine. It
// owns how the figures are taken; it judges none.
//
//	go run ./test/bench/cluster
//	go run ./test/bench/cluster -droplets 1,3,5
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"stackctl/pkg/stackctl/deploy"
	"stackctl/pkg/stackctl/stack"
	"stackctl/pkg/stackctl/swarm"
)

const rounds = 3

func main() {
	droplets := flag.String("droplets", "", "also deploy to so many droplets, several numbers with commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := planned(100, 200, 5)
	if err == nil && *droplets != "" {
		err = deployed(ctx, *droplets)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

// planned places and plans a release of many services whose images no node has yet.
func planned(nodes, services, replicas int) error {
	var list []stack.Node
	for i := range nodes {
		list = append(list, stack.Node{Name: fmt.Sprintf("node%d", i+1), Labels: []string{"edge", "data", "app"}})
	}
	var demands []swarm.Demand
	r := stack.Release{ID: "0123456789ab", Project: "large"}
	for i := range services {
		name := fmt.Sprintf("service%d", i+1)
		demands = append(demands, swarm.Demand{Service: name, Layer: stack.LayerApp, Replicas: replicas})
		r.Services = append(r.Services, stack.Service{Name: name, Layer: stack.LayerApp, Deployed: true})
		r.Images = append(r.Images, stack.Image{Reference: name + ":1", ID: "sha256:" + name, Archive: name + ".tar", Services: []string{name}})
	}
	var took []string
	steps, sent := 0, 0
	for range rounds {
		began := time.Now()
		slots, err := swarm.Place(demands, list, nil, nil)
		if err != nil {
			return err
		}
		plan := deploy.Plan(deploy.Wanted{Release: r, Keep: 2, Slots: slots}, stack.Observed{Host: stack.HostFacts{Node: "node1"}})
		took = append(took, time.Since(began).Round(time.Millisecond).String())
		steps, sent = len(plan.Steps), 0
		for _, s := range plan.Steps {
			sent += len(s.Nodes)
		}
	}
	fmt.Printf("| what | took | steps | transfers of images |\n|---|---|---|---|\n| placement and plan, %d nodes × %d services × %d containers | %s | %d | %d |\n", nodes, services, replicas, strings.Join(took, ", "), steps, sent)
	return nil
}
