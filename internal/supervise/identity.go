package supervise

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// identity is what a program runs as.
type identity struct {
	credential *syscall.Credential // nil: as we do
	env        []string            // what a login would set
}

// CanRunAs says why nothing can run as a user and a group here: there are none
// of these names or numbers. "" is our own.
func CanRunAs(userName, groupName string) error {
	_, err := identify(userName, groupName)
	return err
}

// identify finds a user and a group by name or number, "" for our own. A user
// without a group has its own groups; with one, that alone.
func identify(userName, groupName string) (identity, error) {
	if userName == "" && groupName == "" {
		return identity{}, nil
	}
	as := &syscall.Credential{Uid: uint32(os.Geteuid()), Gid: uint32(os.Getegid())}
	who := identity{credential: as}
	if userName != "" {
		if err := who.become(userName, groupName == ""); err != nil {
			return identity{}, err
		}
	}
	if groupName != "" {
		gid, err := groupNumber(groupName)
		if err != nil {
			return identity{}, err
		}
		as.Gid = gid
	}
	if os.Geteuid() != 0 && int(as.Uid) == os.Geteuid() && int(as.Gid) == os.Getegid() {
		who.credential = nil // an ordinary user may not set even its own
	}
	return who, nil
}

// become makes it a user, with its own groups if those are wanted.
func (who *identity) become(name string, groups bool) error {
	u, err := lookUp(name)
	if err != nil {
		uid, numberErr := strconv.ParseUint(name, 10, 32)
		if numberErr != nil {
			return fmt.Errorf("cannot run as user %q: %w", name, plainUser(err))
		}
		if groups {
			return fmt.Errorf("cannot run as user %s: nobody has that number here, so its groups are not known; name a group too", name)
		}
		who.credential.Uid = uint32(uid)
		who.env = []string{"HOME=/", "USER=" + name, "LOGNAME=" + name}
		return nil
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return fmt.Errorf("cannot run as user %q: %w", name, err)
	}
	who.credential.Uid = uint32(uid)
	who.env = []string{"HOME=" + u.HomeDir, "USER=" + u.Username, "LOGNAME=" + u.Username}
	if !groups {
		return nil
	}
	return who.addGroups(u)
}

func lookUp(name string) (*user.User, error) {
	u, err := user.Lookup(name)
	if err != nil {
		if byNumber, numberErr := user.LookupId(name); numberErr == nil {
			return byNumber, nil
		}
	}
	return u, err
}

// addGroups gives it the groups that it has after a login.
func (who *identity) addGroups(u *user.User) error {
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return fmt.Errorf("cannot run as user %q: %w", u.Username, err)
	}
	who.credential.Gid = uint32(gid)
	ids, err := u.GroupIds()
	if err != nil {
		return fmt.Errorf("cannot learn the groups of user %q: %w", u.Username, err)
	}
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 32); err == nil {
			who.credential.Groups = append(who.credential.Groups, uint32(n))
		}
	}
	return nil
}

func groupNumber(name string) (uint32, error) {
	text := name
	g, err := user.LookupGroup(name)
	if err == nil {
		text = g.Gid
	}
	gid, numberErr := strconv.ParseUint(text, 10, 32)
	if numberErr != nil {
		return 0, fmt.Errorf("cannot run as group %q: %w", name, plainUser(err))
	}
	return uint32(gid), nil
}

// plainUser says in words that there is none.
func plainUser(err error) error {
	if unknown := user.UnknownUserError(""); errors.As(err, &unknown) {
		return errors.New("there is no such user; correct the name, or make it with useradd")
	}
	if unknown := user.UnknownGroupError(""); errors.As(err, &unknown) {
		return errors.New("there is no such group; correct the name, or make it with groupadd")
	}
	return err
}
