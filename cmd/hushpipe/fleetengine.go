package main

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hushpipe/filter/engine"
	"hushpipe/filter/fleet"
	"hushpipe/filter/pairs"
	"hushpipe/filter/registry"
)

// engineOf returns the configuration of a fleet's engine, including the contents of the
// files that the fleet's file names. It is called before the process is confined, and
// again for each connection if the files can still be read. The configuration has
// addresses only if the fleet has an engine.
func engineOf(file fleet.File) (cfg engine.Config, err error) {
	if file.Engine == "" {
		return cfg, nil
	}
	var encrypted bool
	if cfg.Addresses, encrypted, err = file.Addresses(); err != nil {
		return cfg, err
	}
	cfg.Renew = func() (engine.Config, error) { return engineOf(file) }
	cfg.User = file.User
	if file.Password != "" {
		text, err := os.ReadFile(file.Password)
		if err != nil {
			return cfg, err
		}
		cfg.Password = string(bytes.TrimRight(text, "\r\n"))
	}
	if !encrypted {
		return cfg, nil
	}
	cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if file.CA != "" {
		text, err := os.ReadFile(file.CA)
		if err != nil {
			return cfg, err
		}
		cfg.TLS.RootCAs = x509.NewCertPool()
		if !cfg.TLS.RootCAs.AppendCertsFromPEM(text) {
			return cfg, fmt.Errorf("%s: has no certificate", file.CA)
		}
	} else if cfg.TLS.RootCAs, err = x509.SystemCertPool(); err != nil {
		return cfg, err
	}
	if file.Cert != "" {
		pair, err := tls.LoadX509KeyPair(file.Cert, file.Key)
		if err != nil {
			return cfg, fmt.Errorf("%s, %s: %w", file.Cert, file.Key, err)
		}
		cfg.TLS.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// diskAccess is what a process that connects to an engine may still access on disk.
type diskAccess struct {
	dir, keys string   // DIR and the key directory, "" for none
	shared    string   // a file that it replaces, or ""
	renewed   []string // files to read again when others have replaced them
	read      []string // files and directories to read
}

// secretsOf returns the paths of the password, certificates and key in a fleet's file.
func secretsOf(file fleet.File) (paths []string) {
	return slices.DeleteFunc([]string{file.Password, file.CA, file.Cert, file.Key}, func(path string) bool { return path == "" })
}

// confineToEngine is confine, and also allows connections to the engine.
func confineToEngine(cfg engine.Config, disk diskAccess) string {
	if len(cfg.Addresses) == 0 {
		return confine(disk.dir, disk.keys, disk.shared)
	}
	ports, socket := portsOf(cfg.Addresses)
	return confineTo(ports, socket, disk)
}

// portsOf returns the ports of an engine, or the path of its socket.
func portsOf(addresses []string) (ports []uint16, socket string) {
	for _, address := range addresses {
		if strings.HasPrefix(address, "/") { // a path may contain a colon
			return nil, address
		}
		_, port, _ := net.SplitHostPort(address) // parsed before
		number, _ := strconv.ParseUint(port, 10, 16)
		ports = append(ports, uint16(number))
	}
	return ports, ""
}

// sendPairs sends the pairs in DIR to the engine, every second.
func sendPairs(s *pairs.Sender, log *messageLog) {
	for {
		if err := s.Step(); err != nil {
			log.limited("fleet-engine", warning, err.Error())
		}
		time.Sleep(time.Second)
	}
}

func fleetCollectCommand(log *messageLog) *cobra.Command {
	var keys, at string
	var check bool
	cmd := &cobra.Command{
		Use:   "collect [flags] FLEET DIR",
		Short: "Write the counts in a fleet's engine to DIR",
		Long:  manualText("fleet-collect", "1"),
		Example: `  hushpipe fleet collect --check /etc/hushpipe/meet /var/lib/hushpipe/meet
  hushpipe fleet collect /etc/hushpipe/meet /var/lib/hushpipe/meet
  hushpipe fleet collect \
    --metrics /var/lib/prometheus/node-exporter/hushpipe-meet.prom \
    /etc/hushpipe/meet /var/lib/hushpipe/meet`,
		Args: fleetArguments("FLEET", "DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			file, cfg, err := fleetWithEngine(args[0])
			if err != nil {
				return err
			}
			if err := pairs.CheckCollect(args[1]); err != nil {
				return err
			}
			var metrics *metricsFile
			if at != "" {
				if metrics, err = newMetricsFile(at, args[1], log); err != nil {
					return err
				}
				if err := metrics.check(); err != nil {
					return err
				}
			}
			ready := notifier()
			keys = cmp.Or(keys, registry.StreamKeys(args[1]))
			confineToEngine(cfg, diskAccess{dir: args[1], keys: keys, shared: at, renewed: secretsOf(file)})
			s := fleet.NewShipper(fleet.ShipConfig{Path: args[1], Keys: keys, Fleet: file.Name, Now: now, Log: log.report})
			if check {
				return fleetCheck(s, file.Name, cfg, log)
			}
			c := pairs.NewCollector(pairs.CollectorConfig{Path: args[1], Keys: keys, Fleet: file.Name, Hosts: file.Hosts, Now: now, Log: log.report,
				Open: func() (pairs.Counter, error) { return engine.Open(cfg) }})
			return fleetServe(s, ready, log, func() { collect(c, metrics, log) })
		},
	}
	cmd.Flags().StringVar(&keys, "keys", "", "the day keys are in `KEYDIR` (default DIR/keys)")
	cmd.Flags().BoolVar(&check, "check", false, "test FLEET, DIR and the engine, and exit")
	cmd.Flags().StringVar(&at, "metrics", "", "write metrics of the fleet to `FILE` every 15 s, for node_exporter's textfile collector: /DIRECTORY/NAME.prom")
	return cmd
}

const (
	// idleFactor is how long a collector pauses between queries, as a multiple of their
	// duration.
	idleFactor = 20
	// maxPause bounds the pause after an error: the queries to an engine that hung take
	// minutes.
	maxPause = 10 * time.Second
)

// collect updates the counts every second, or less often if that takes long, and writes
// the metrics unless they are nil.
func collect(c *pairs.Collector, metrics *metricsFile, log *messageLog) {
	var written time.Time
	for {
		began := time.Now()
		err := c.Step()
		if err != nil {
			log.limited("fleet-engine", warning, err.Error())
		}
		if metrics != nil && time.Since(written) >= metricsEvery {
			if err := metrics.writeFleet(c.Figures()); err != nil {
				log.limited("metrics", warning, "--metrics: "+err.Error())
			}
			written = time.Now()
		}
		time.Sleep(pause(time.Since(began), err))
	}
}

// pause returns how long to wait after queries that took a time and returned err.
func pause(took time.Duration, err error) time.Duration {
	wait := max(time.Second, idleFactor*took)
	if err != nil {
		wait = min(wait, maxPause)
	}
	return wait
}
