package engine

import (
	"time"

	"github.com/gomodule/redigo/redis"
)

// Batch is the contents of one transaction. All its keys are in one hash slot.
type Batch struct {
	Positions, Host, Position string // key of a hash, its field, and the new value
	Index                     string // key of the set of Tokens
	Tokens                    []string
	Sets                      []Set
	Expire                    time.Time // of all keys
}

// Set is the key of a set, and members to add.
type Set struct {
	Key     string
	Members []string
}

// Add adds a batch atomically, and returns the host's previous position, "" if none. After
// an error, the batch may have been added, or may still be.
func (e *Engine) Add(b Batch) (before string, err error) {
	commands := make([]command, 0, 2*len(b.Sets)+5)
	add := func(key string, members []string) {
		c := append(make(command, 0, len(members)+2), "SADD", key)
		for _, m := range members {
			c = append(c, m)
		}
		commands = append(commands, c, command{"EXPIREAT", key, b.Expire.Unix()})
	}
	commands = append(commands, command{"HGET", b.Positions, b.Host})
	for _, s := range b.Sets {
		add(s.Key, s.Members)
	}
	add(b.Index, b.Tokens)
	commands = append(commands, command{"HSET", b.Positions, b.Host, b.Position}, command{"EXPIREAT", b.Positions, b.Expire.Unix()})
	answers, err := e.transact(b.Positions, commands)
	if err != nil {
		return "", err
	}
	return text(answers[0])
}

// text converts an answer that may be nil.
func text(answer any) (string, error) {
	if answer == nil {
		return "", nil
	}
	s, err := redis.String(answer, nil)
	if err != nil {
		return "", explain(err)
	}
	return s, nil
}

// Claim sets a field of a hash unless it is set, and returns its value.
func (e *Engine) Claim(key, field, value string, expire time.Time) (held string, err error) {
	answers, err := e.transact(key, []command{{"HSETNX", key, field, value}, {"HGET", key, field}, {"EXPIREAT", key, expire.Unix()}})
	if err != nil {
		return "", err
	}
	return text(answers[1])
}

// Put sets a field of a hash, and returns the value of the field that Claim set; "" means
// that the engine was wiped since.
func (e *Engine) Put(key, field, value, claimed string, expire time.Time) (held string, err error) {
	answers, err := e.transact(key, []command{{"HGET", key, claimed}, {"HSET", key, field, value}, {"EXPIREAT", key, expire.Unix()}})
	if err != nil {
		return "", err
	}
	return text(answers[0])
}

// pipelineSize is how many commands are sent at once.
const pipelineSize = 10_000

// queryAll sends one command for each key, and passes the answers to answer.
func (e *Engine) queryAll(keys []string, question func(key string) command, answer func(i int, a any) error) error {
	for again := false; ; again = true {
		moved := false
		of := map[string][]int{} // keys, by address
		for i, key := range keys {
			address, err := e.holder(key)
			if err != nil {
				return err
			}
			of[address] = append(of[address], i)
		}
		for address, all := range of {
			for len(all) > 0 {
				some := all[:min(pipelineSize, len(all))]
				all = all[len(some):]
				commands := make([]command, len(some))
				for j, i := range some {
					commands[j] = question(keys[i])
				}
				answers, err := e.ask(address, commands)
				if err != nil {
					return err
				}
				for j, a := range answers {
					if moved = moved || isMoved(a); moved && !again {
						continue
					}
					if refused, ok := a.(redis.Error); ok {
						return explain(refused)
					}
					if err := answer(some[j], a); err != nil {
						return explain(err)
					}
				}
			}
		}
		if !moved {
			return nil
		}
		e.stale = true
	}
}

// Field returns the value of a field in each of several hashes, "" if there is none.
func (e *Engine) Field(keys []string, field string) (values []string, err error) {
	values = make([]string, len(keys))
	err = e.queryAll(keys, func(key string) command { return command{"HGET", key, field} },
		func(i int, a any) (err error) {
			values[i], err = text(a)
			return err
		})
	return values, err
}

// Fields returns a hash.
func (e *Engine) Fields(key string) (fields map[string]string, err error) {
	err = e.queryAll([]string{key}, func(key string) command { return command{"HGETALL", key} },
		func(_ int, a any) (err error) {
			fields, err = redis.StringMap(a, nil)
			return err
		})
	return fields, err
}

// Members returns a set.
func (e *Engine) Members(key string) (members []string, err error) {
	err = e.queryAll([]string{key}, func(key string) command { return command{"SMEMBERS", key} },
		func(_ int, a any) (err error) {
			members, err = redis.Strings(a, nil)
			return err
		})
	return members, err
}

// Sizes returns the number of members of each set.
func (e *Engine) Sizes(keys []string) (sizes []uint64, err error) {
	sizes = make([]uint64, len(keys))
	err = e.queryAll(keys, func(key string) command { return command{"SCARD", key} },
		func(i int, a any) (err error) {
			sizes[i], err = redis.Uint64(a, nil)
			return err
		})
	return sizes, err
}

// Expire sets the expiry time of existing keys.
func (e *Engine) Expire(keys []string, at time.Time) error {
	return e.queryAll(keys, func(key string) command { return command{"EXPIREAT", key, at.Unix()} },
		func(_ int, a any) error {
			_, err := redis.Int(a, nil)
			return err
		})
}
