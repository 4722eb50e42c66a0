package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"routewhy/route/record"
)

// recordFlags are the values of --record.
type recordFlags struct {
	// dir is the folder to write to.
	dir string
	// maxSize is how many MiB the record may have, and maxAge how many days it goes back.
	maxSize, maxAge optional[uint32]
}

// The limits of a record if the user gives none.
const (
	defaultRecordSize = 512 // MiB
	defaultRecordAge  = 30  // days
	recordEvery       = 10 * time.Minute
)

// recordHost keeps a history of the host until a signal ends it.
func recordHost(ctx context.Context, o *options, s stdio) error {
	if err := o.record.check(); err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	host, err := openHost(o.netns)
	if err != nil {
		return err
	}
	defer host.Close()
	ctx, end := untilGone(ctx, host, o.netns)
	defer end()
	live, err := followAll(host)
	if err != nil {
		return err
	}
	defer live.close()
	w, err := record.Create(o.record.dir, o.record.limits())
	if err != nil {
		return fmt.Errorf("--record %s: %w", unquoted(o.record.dir), err)
	}
	every := recordEvery
	if o.every.given {
		every = time.Duration(o.every.value) * time.Second
	}
	r := &record.Recorder{Source: live, Writer: w, Every: every}
	err = r.Run(ctx)
	gone := goneError("")
	ended := (errors.Is(err, context.Canceled) || errors.As(err, &gone)) && ctx.Err() != nil
	if closing := w.Close(time.Now(), !ended); ended {
		err = closing
		if closing == nil && gone != "" {
			err = gone
		}
	}
	if err != nil {
		return fmt.Errorf("--record: %w", err)
	}
	return nil
}

func (f *recordFlags) check() error {
	if f.dir == "" {
		return usagef("--record needs a folder")
	}
	return nil
}

func (f *recordFlags) limits() record.Limits {
	l := record.Limits{Size: defaultRecordSize << 20, Age: defaultRecordAge * 24 * time.Hour}
	if f.maxSize.given {
		l.Size = int64(f.maxSize.value) << 20
	}
	if f.maxAge.given {
		l.Age = time.Duration(f.maxAge.value) * 24 * time.Hour
	}
	return l
}
