// The routines of rows.h.
#include "activation.inc.h"
#include "adafactor.inc.h"
#include "dropout.inc.h"
#include "embedding.inc.h"
#include "loss.inc.h"
#include "norm.inc.h"
#include "reduce.inc.h"
#include "update.inc.h"
