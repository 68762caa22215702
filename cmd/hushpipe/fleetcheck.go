package main

import (
	"hushpipe/filter/engine"
	"hushpipe/filter/fleet"
	"hushpipe/filter/pairs"
)

// fleetCheck returns an error if a host or a collector cannot take part. It changes
// nothing in DIR; in the engine it tries everything that hosts and collectors do.
func fleetCheck(s *fleet.Shipper, name string, cfg engine.Config, log *messageLog) error {
	err := s.Check()
	if len(cfg.Addresses) == 0 {
		return err
	}
	if err != nil { // still check the engine
		log.errorf("%v", err)
		err = errReported
	}
	e, engineErr := engine.Open(cfg)
	if engineErr != nil {
		return engineErr
	}
	defer e.Close()
	persists, engineErr := pairs.Try(e, name, now())
	for _, line := range persists {
		log.warnf("the engine writes to its disk, where data outlives the day's key: %s; hint: turn that off, since the hosts can send all data again", line)
	}
	if engineErr != nil {
		return engineErr
	}
	return err
}
