package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// server is a running Apache httpd (event MPM) with its own ServerRoot, on a port of 127.0.0.1.
// It answers any GET with one small file. It starts and ends no processes while it runs, so
// their CPU time can be added up.
type server struct {
	root  string
	addr  string // HOST:PORT
	cmd   *exec.Cmd
	ended chan struct{} // closed when httpd and its loggers are gone

	processes []clock // httpd's
	loggers   []clock

	loggerPIDs []int
}

// patience bounds every wait for httpd; only a failure reaches it.
const patience = 30 * time.Second

// serverConf allows lines of up to 32 KB, so that 24 KB fit wherever a client wants.
const serverConf = `ServerRoot "ROOT"
ServerName localhost
PidFile httpd.pid
DefaultRuntimeDir .
ErrorLog error.log
Listen ADDR
LoadModule mpm_event_module  MODULES/mod_mpm_event.so
LoadModule authz_core_module MODULES/mod_authz_core.so
LoadModule alias_module      MODULES/mod_alias.so
LoadModule remoteip_module   MODULES/mod_remoteip.so
USER
StartServers 2
ServerLimit 2
ThreadsPerChild 64
MaxRequestWorkers 128
MaxSpareThreads 128
MaxKeepAliveRequests 0
KeepAliveTimeout 300
LimitRequestLine 32768
LimitRequestFieldSize 32768
DocumentRoot "ROOT/htdocs"
AliasMatch "^/" "ROOT/htdocs/answer.html"
LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined
`

const modules = "/usr/lib/apache2/modules"

// startServer creates root and starts httpd, with the given directives after its own.
func startServer(root string, directives ...string) (*server, error) {
	bin, err := apache()
	if err != nil {
		return nil, err
	}
	s := &server{root: root, ended: make(chan struct{})}
	if s.addr, err = freeAddress(); err != nil {
		return nil, err
	}
	user := ""
	if os.Getuid() == 0 {
		user = "User www-data\nGroup www-data"
	}
	conf := strings.NewReplacer("ROOT", root, "ADDR", s.addr, "MODULES", modules, "USER", user).Replace(serverConf)
	if err := os.MkdirAll(filepath.Join(root, "htdocs"), 0o755); err != nil {
		return nil, err
	}
	for name, content := range map[string]string{
		"httpd.conf":         conf + strings.Join(directives, "\n") + "\n",
		"htdocs/answer.html": "<title>hushpipe</title>\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	stderr, err := os.Create(filepath.Join(root, "stderr.log"))
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	// Every descendant of httpd inherits the write end, since APR closes only what it opened
	// itself: end of file means that all have ended.
	alive, inherited, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.cmd = exec.Command(bin, "-D", "FOREGROUND", "-f", filepath.Join(root, "httpd.conf"))
	s.cmd.Stdout, s.cmd.Stderr = stderr, stderr
	s.cmd.ExtraFiles = []*os.File{inherited}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = s.cmd.Start()
	inherited.Close()
	if err != nil {
		alive.Close()
		return nil, fmt.Errorf("start httpd: %w", err)
	}
	go func() {
		defer close(s.ended)
		io.Copy(io.Discard, alive)
		alive.Close()
		s.cmd.Wait()
	}()
	if err := s.awaitStart(); err != nil {
		s.kill()
		return nil, err
	}
	return s, nil
}

// apache returns the path of httpd.
func apache() (string, error) {
	for _, name := range []string{"apache2", "/usr/sbin/apache2"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("apache2 is missing: apt-get install apache2")
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// awaitStart returns when both children of httpd and all loggers are running.
func (s *server) awaitStart() error {
	want := strings.Count(s.conf(), "CustomLog \"|")
	for deadline := time.Now().Add(patience + time.Duration(want)*patience/20); ; time.Sleep(10 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(s.root, "error.log"))
		if strings.Contains(string(text), "resuming normal operations") {
			if err := s.find(); err != nil {
				return err
			}
			if len(s.processes) == 3 && len(s.loggers) == want {
				return nil
			}
		}
		select {
		case <-s.ended:
		default:
			if time.Now().Before(deadline) {
				continue
			}
		}
		stderr, _ := os.ReadFile(filepath.Join(s.root, "stderr.log"))
		return fmt.Errorf("httpd does not start: %s%s", stderr, text)
	}
}

func (s *server) conf() string {
	text, _ := os.ReadFile(filepath.Join(s.root, "httpd.conf"))
	return string(text)
}

// find records the processes of httpd and its loggers.
func (s *server) find() error {
	parent := s.cmd.Process.Pid
	s.processes, s.loggers, s.loggerPIDs = []clock{processClock(parent)}, nil, nil
	own, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", parent))
	if err != nil {
		return fmt.Errorf("look for httpd's processes: %w", err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
	if err != nil {
		return fmt.Errorf("look for httpd's processes: %w", err)
	}
	for field := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("look for httpd's processes: %w", err)
		}
		if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); exe == own {
			s.processes = append(s.processes, processClock(pid))
		} else {
			s.loggers, s.loggerPIDs = append(s.loggers, processClock(pid)), append(s.loggerPIDs, pid)
		}
	}
	return nil
}

// cpu returns the CPU time of httpd and of its loggers so far.
func (s *server) cpu() (httpd, loggers time.Duration, err error) {
	if httpd, err = sum(s.processes); err != nil {
		return 0, 0, err
	}
	loggers, err = sum(s.loggers)
	return httpd, loggers, err
}

// clock is the CPU-time clock of a process, over all its threads, in nanoseconds; /proc/PID/stat
// has only ticks of 10 ms.
type clock int32

// processClock implements clock_getcpuclockid(3): MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED) of
// Linux's posix-timers_types.h.
func processClock(pid int) clock { return clock(^pid<<3 | 2) }

func sum(clocks []clock) (total time.Duration, err error) {
	for _, c := range clocks {
		var ts unix.Timespec
		if err := unix.ClockGettime(int32(c), &ts); err != nil {
			return 0, fmt.Errorf("a process of httpd has ended: %w", err)
		}
		total += time.Duration(ts.Nano())
	}
	return total, nil
}

// settle waits until the files below ROOT have not grown for a while: httpd logs after it has
// answered, and stopping it would cut that off.
func (s *server) settle() error {
	last, quiet := int64(-1), time.Now()
	for deadline := quiet.Add(patience); time.Since(quiet) < 200*time.Millisecond; time.Sleep(20 * time.Millisecond) {
		size, err := sizeBelow(s.root)
		if err != nil {
			return err
		}
		if size != last {
			last, quiet = size, time.Now()
		}
		if time.Now().After(deadline) {
			return errors.New("the logs do not come to rest")
		}
	}
	return nil
}

// stop stops httpd as "apachectl stop" does, and returns after its loggers have ended too.
func (s *server) stop() error {
	if err := s.settle(); err != nil {
		return err
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop httpd: %w", err)
	}
	select {
	case <-s.ended:
		return nil
	case <-time.After(patience):
		return errors.New("httpd or a logger does not end")
	}
}

// kill kills httpd and its loggers, if they still run.
func (s *server) kill() {
	select {
	case <-s.ended:
	default:
		syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.ended
	}
}

// sizeBelow returns the size of all files below dir, in bytes.
func sizeBelow(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil // a temporary file
		}
		return err
	})
	return size, err
}

// dial connects to the server from src, which may be any address of 127.0.0.0/8: Linux treats
// all of them as its own.
func (s *server) dial(ctx context.Context, src string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(src)}}
	c, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return nil, fmt.Errorf("connect to httpd: %w", err)
	}
	return c, nil
}
