package main

import (
	"context"
	"errors"
)

func explain(context.Context, *options, stdio) error { return errors.New("not built yet") }

func dump(context.Context, *options, stdio) error { return errors.New("not built yet") }
