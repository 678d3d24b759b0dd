package cgroup

import (
	"slices"
	"strings"
	"testing"
)

func TestWhereTheOwnGroupIs(t *testing.T) {
	tests := []struct {
		name, groups, mounts string
		want                 []string
	}{
		{
			name:   "version 2 alone",
			groups: "0::/user.slice/user-1000.slice/session-2.scope\n",
			mounts: "31 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
			want:   []string{"/sys/fs/cgroup/user.slice/user-1000.slice/session-2.scope"},
		},
		{
			name:   "both, of version 1 the freezer first",
			groups: "5:pids:/a\n4:freezer:/b\n3:cpu,cpuacct:/c\n1:name=systemd:/d\n0::/e\n",
			mounts: "1 0 0:1 / /cg/systemd rw - cgroup cgroup rw,name=systemd\n" +
				"2 0 0:2 / /cg/pids rw - cgroup cgroup rw,pids\n" +
				"3 0 0:3 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct\n" +
				"4 0 0:4 / /cg/freezer rw - cgroup cgroup rw,freezer\n" +
				"5 0 0:5 / /cg/unified rw shared:7 - cgroup2 cgroup2 rw\n" +
				"6 0 0:6 / / rw - ext4 /dev/vda rw\n",
			want: []string{"/cg/unified/e", "/cg/freezer/b", "/cg/pids/a"},
		},
		{
			name:   "in a container, with its own group mounted",
			groups: "0::/docker/abc/inner\n",
			mounts: `9 1 0:27 /docker/abc /sys/fs/my\040cgroup ro - cgroup2 cgroup rw` + "\n",
			want:   []string{"/sys/fs/my cgroup/inner"},
		},
		{
			name:   "outside of what is mounted",
			groups: "0::/../other\n4:freezer:/elsewhere\n",
			mounts: "9 1 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n" +
				"8 1 0:27 /here /cg/freezer rw - cgroup cgroup rw,freezer\n",
		},
		{name: "none mounted", groups: "0::/\n", mounts: "6 0 0:6 / / rw - ext4 /dev/vda rw\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			groups, err := parseOwn(strings.NewReader(tt.groups))
			if err != nil {
				t.Fatal(err)
			}
			mounts, err := parseMounts(strings.NewReader(tt.mounts))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, h := range match(groups, mounts) {
				got = append(got, h.own)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBadLinesAreErrors(t *testing.T) {
	if got, err := parseOwn(strings.NewReader("nonsense\n")); err == nil {
		t.Errorf("parsed as %v", got)
	}
	if got, err := parseMounts(strings.NewReader("31 24 0:27 / /sys\n")); err == nil {
		t.Errorf("parsed as %v", got)
	}
}

func TestOwnersName(t *testing.T) {
	o := owner{4026531836, 77, 123456}
	if got, ok := parseOwner(o.name()); !ok || got != o {
		t.Errorf("%q was read as %v, %v", o.name(), got, ok)
	}
	for _, name := range []string{"seance-shop", "seance-1-2", "seance-1-2-3-4", "seance-01-2-3", "system.slice"} {
		if got, ok := parseOwner(name); ok {
			t.Errorf("%q was read as %v", name, got)
		}
	}
}
