#!/usr/bin/perl
# A conference service for tests, without the conferences.
#
#   service.pl serve           stands for Prosody, Jicofo and the bridge, at port 5280
#   service.pl addresses LOG   gives the clients of a log to the loopback interface
#   service.pl visit LOG       asks the web server at port 80 for what the clients of a
#                              log asked for, each from its own address
use strict;
use warnings;
use Socket qw(:DEFAULT inet_pton pack_sockaddr_in6 IPPROTO_TCP AF_INET6 SO_REUSEADDR);
use POSIX 'strftime';

my ($command, $log) = @ARGV;
my @requests = map {
	my ($client, $method, $path, $status, $referrer, $agent) =
		/^(\S+) - - \[[^]]*\] "(\S+) (\S+) HTTP[^"]*" (\d+) \S+ "([^"]*)" "([^"]*)"$/ or die "no request: $_";
	{client => $client, method => $method, path => $path, status => $status, referrer => $referrer, agent => $agent}
} $log ? do { open my $f, '<', $log or die "$log: $!\n"; <$f> } : ();

if ($command eq 'serve') {
	socket my $listener, PF_INET, SOCK_STREAM, 0 or die $!;
	setsockopt $listener, SOL_SOCKET, SO_REUSEADDR, 1;
	bind $listener, pack_sockaddr_in(5280, INADDR_LOOPBACK) or die $!;
	listen $listener, 99 or die $!;
	while (accept my $peer, $listener) {
		my $head = '';
		while (defined(my $line = <$peer>)) { $head .= $line; last if $line =~ /^\r?$/ }
		my $status = $head =~ /^Upgrade: *websocket/im ? '101 Switching Protocols'
			: $head =~ /zgrab/ ? '403 Forbidden' : '200 OK';
		syswrite $peer, "HTTP/1.1 $status\r\n" . ($status =~ /^101/ ? "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
			: "Content-Length: 2\r\nConnection: close\r\n\r\nok");
		shutdown $peer, 1;
		close $peer;
	}
} elsif ($command eq 'addresses') {
	socket my $v4, PF_INET, SOCK_DGRAM, 0 or die $!;
	socket my $v6, AF_INET6, SOCK_DGRAM, 0 or die $!;
	my ($n, %seen) = 0;
	for my $client (grep { !$seen{$_}++ } map { $_->{client} } @requests) {
		if ($client =~ /:/) { # SIOCSIFADDR with a struct in6_ifreq, of lo
			ioctl $v6, 0x8916, my $r = pack 'a16 L l', inet_pton(AF_INET6, $client), 128, 1 or $!{EEXIST} or die "$client: $!\n";
		} else {
			ioctl $v4, 0x8916, my $r = pack 'a16 a16', 'lo:' . ++$n, pack_sockaddr_in(0, inet_aton($client)) or die "$client: $!\n";
			ioctl $v4, 0x891c, $r = pack 'a16 a16', "lo:$n", pack_sockaddr_in(0, inet_aton('255.255.255.255')) or die "$client: $!\n";
		}
	}
} else {
	for my $r (@requests) {
		my $is6 = $r->{client} =~ /:/;
		socket my $server, $is6 ? AF_INET6 : PF_INET, SOCK_STREAM, 0 or die $!;
		bind $server, $is6 ? pack_sockaddr_in6(0, inet_pton(AF_INET6, $r->{client})) : pack_sockaddr_in(0, inet_aton($r->{client})) or die "$r->{client}: $!\n";
		connect $server, $is6 ? pack_sockaddr_in6(80, inet_pton(AF_INET6, '::1')) : pack_sockaddr_in(80, INADDR_LOOPBACK) or die "connect: $!\n";
		my @head = ("$r->{method} $r->{path} HTTP/1.1", 'Host: meet.example.org', "User-Agent: $r->{agent}");
		push @head, "Referer: $r->{referrer}" if $r->{referrer} ne '-';
		push @head, 'Content-Length: 0' if $r->{method} eq 'POST';
		push @head, 'If-Modified-Since: ' . strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime) if $r->{status} == 304;
		push @head, $r->{status} == 101
			? ('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
			: 'Connection: close';
		syswrite $server, join("\r\n", @head, '', '');
		local $/;
		my ($status) = (<$server> // '') =~ /^HTTP\/1.1 (\d+)/;
		($status // 0) == $r->{status} or die "$r->{path}: ", $status // 'no answer', " instead of $r->{status}\n";
	}
}
