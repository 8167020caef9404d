package trainer

import "uer/internal/checkpoint"

// recentLoss is the mean loss of the steps between two lines of the report: of the last ones that are complete, and of those
// since.
type recentLoss struct {
	whole  checkpoint.Loss
	sum    float64
	first  int // step
	number int
}

// add adds a step. Lines come every so many steps.
func (l *recentLoss) add(s *stepFigures, interval int) {
	if l.number == 0 {
		l.first = s.step
	}
	l.sum, l.number = l.sum+s.outputs[0], l.number+1
	if s.step%interval == 0 {
		l.whole = l.mean()
		l.sum, l.number = 0, 0
	}
}

func (l *recentLoss) mean() checkpoint.Loss {
	return checkpoint.Loss{Mean: l.sum / float64(l.number), First: l.first, Last: l.first + l.number - 1}
}

// state returns what a checkpoint says of it; nil if no step has ended.
func (l *recentLoss) state() *checkpoint.Loss {
	loss := l.whole
	if loss.Last == 0 && l.number > 0 {
		loss = l.mean()
	}
	if loss.Last == 0 {
		return nil
	}
	return &loss
}
