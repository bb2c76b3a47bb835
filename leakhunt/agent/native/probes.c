#include "probes.h"

#include "clock.h"
#include "predict.h"
#include "probe_ticks.h"

/* When what is reported next began to be added up; 0 while nothing is. */
static uint64_t since_ns;

int
lk_probes_read(lk_session *s, lk_json *out)
{
    int keeps = (s->request.flags & LK_FLAG_KEEP) != 0;
    if (!s->has_probes) {
        if (lk_ticks_prove() < 0 || lk_probe_gc_start() < 0) {
            lk_json_string(out, "error", "no descriptor or memory is left for the probes");
            return -1;
        }
        s->has_probes = 1;
        since_ns = lk_now_ns();
    }
    lk_prediction now = {0};
    lk_predict(&now);
    lk_probe_find_loops();
    uint64_t read_ns = lk_now_ns();
    lk_json_number(out, "elapsed_ns", read_ns - since_ns);
    lk_json_number(out, "blocks", now.block_count);
    lk_probe_gc_report(out, keeps);
    lk_ticks_report(out, keeps);
    since_ns = keeps ? since_ns : read_ns;
    return 0;
}

void
lk_probes_stop(void)
{
    lk_probe_gc_stop();
    lk_ticks_stop();
}

void
lk_probes_forget(void)
{
    lk_probe_gc_forget();
    lk_ticks_stop();
}
