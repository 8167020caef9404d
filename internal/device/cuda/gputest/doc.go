// Package gputest gives tests a GPU: the one whose driver UER_LIBCUDA names, and otherwise the stand-in of package vgpu.
package gputest
