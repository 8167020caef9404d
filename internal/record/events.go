package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// events is an event file of TensorBoard: records of a length, its checksum, an Event as a protocol buffer, and its checksum
// (tensorflow/core/lib/io/record_writer.h, tensorboard/compat/proto/event.proto).
type events struct{ appender }

// createEvents makes a new event file in a folder. TensorBoard reads all of a folder, in the order of their names.
func createEvents(folder string, now time.Time) (*events, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	for number := 0; ; number++ {
		path := filepath.Join(folder, fmt.Sprintf("events.out.tfevents.%010d.%s.%d.%d", now.Unix(), host, os.Getpid(), number))
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o666)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		to, err := newAppender(file)
		if err != nil {
			return nil, errors.Join(err, file.Close())
		}
		e := &events{to}
		if err := e.write(message(double(1, seconds(now)), text(3, "brain.Event:2"))); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		return e, nil
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked returns the checksum of data as records have it.
func masked(data []byte) uint32 {
	sum := crc32.Checksum(data, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}

// write appends an event.
func (e *events) write(event []byte) error {
	record := binary.LittleEndian.AppendUint64(nil, uint64(len(event)))
	record = binary.LittleEndian.AppendUint32(record, masked(record))
	record = append(record, event...)
	record = binary.LittleEndian.AppendUint32(record, masked(event))
	return e.appender.write(record)
}

// scalarsEvent is an Event with the values of figures after a step.
func scalarsEvent(now time.Time, step int, group string, figures []Figure) []byte {
	var values [][]byte
	for _, f := range figures {
		value := message(text(1, group+f.Name), protowire.AppendFixed32(
			protowire.AppendTag(nil, 2, protowire.Fixed32Type), math.Float32bits(float32(f.Value))))
		values = append(values, embedded(1, value))
	}
	return message(double(1, seconds(now)), varint(2, uint64(step)), embedded(5, message(values...)))
}

// beginningEvents are the Events at the start of a training: from its step on, those before do not count; its settings as a
// text and as what the plug-in for hyperparameters reads; its versions.
func beginningEvents(b Beginning, now time.Time) [][]byte {
	at := double(1, seconds(now))
	step := varint(2, uint64(b.Step+1))
	session := message(at, step, embedded(7, varint(1, sessionStart)))
	summary := embedded(5, message(embedded(1, textValue("settings", table(b.Settings))),
		embedded(1, textValue("versions", table(b.Versions)))))
	return [][]byte{session, message(at, varint(2, uint64(b.Step)), summary), message(at, embedded(5, hyperparameters(b, now)))}
}

// The numbers of SessionLog.SessionStatus, DataType and hparams' Status.
const (
	sessionStart   = 1
	stringType     = 7
	statusSuccess  = 1
	statusFailure  = 2
	startTimeField = 5
)

// hyperparameters is a Summary that says what a run was made with (tensorboard/plugins/hparams/plugin_data.proto).
func hyperparameters(b Beginning, now time.Time) []byte {
	var info [][]byte
	for _, s := range b.Settings {
		info = append(info, embedded(1, message(text(1, s.Name), embedded(2, valueOf(s.Value)))))
	}
	info = append(info, double(startTimeField, seconds(now)))
	return pluginSummary("_hparams_/session_start_info", embedded(3, message(info...)))
}

// endEvent says how a run has ended.
func endEvent(now time.Time, failed bool) []byte {
	status := uint64(statusSuccess)
	if failed {
		status = statusFailure
	}
	info := embedded(4, message(varint(1, status), double(2, seconds(now))))
	return message(double(1, seconds(now)), embedded(5, pluginSummary("_hparams_/session_end_info", info)))
}

func pluginSummary(tag string, content []byte) []byte {
	plugin := embedded(1, message(text(1, "hparams"), embedded(2, content)))
	// TensorBoard wants a tensor in every value.
	nothing := message(varint(1, 1), embedded(2, nil))
	return embedded(1, message(text(1, tag), embedded(9, plugin), embedded(8, nothing)))
}

// valueOf is a google.protobuf.Value of a setting.
func valueOf(setting string) []byte {
	if number, err := strconv.ParseFloat(setting, 64); err == nil && !math.IsNaN(number) && !math.IsInf(number, 0) {
		return double(2, number)
	}
	if truth, err := strconv.ParseBool(setting); err == nil {
		return varint(4, protowire.EncodeBool(truth))
	}
	return text(3, setting)
}

// textValue is a Summary.Value for TensorBoard's page of texts.
func textValue(tag, markdown string) []byte {
	tensor := message(varint(1, stringType), embedded(2, embedded(2, varint(1, 1))), text(8, markdown))
	plugin := embedded(1, text(1, "text"))
	return message(text(1, tag), embedded(9, plugin), embedded(8, tensor))
}

// table formats settings as a table in Markdown.
func table(settings []Setting) string {
	var b strings.Builder
	b.WriteString("name | value\n--- | ---\n")
	escape := strings.NewReplacer("|", `\|`, "\n", " ")
	for _, s := range settings {
		fmt.Fprintf(&b, "%s | %s\n", escape.Replace(s.Name), escape.Replace(s.Value))
	}
	return b.String()
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// message joins the fields of a message.
func message(fields ...[]byte) []byte {
	var all []byte
	for _, field := range fields {
		all = append(all, field...)
	}
	return all
}

func varint(number protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), value)
}

func double(number protowire.Number, value float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(nil, number, protowire.Fixed64Type), math.Float64bits(value))
}

func text(number protowire.Number, value string) []byte { return embedded(number, []byte(value)) }

// embedded is a field that holds bytes: a text or another message.
func embedded(number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), value)
}
