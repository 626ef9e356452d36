package main

// jsonKeys describes what -json writes, key by key.
const jsonKeys = `With -json a command writes one object. All figures are bytes unless it says otherwise. "schema" is 1;
it grows when a key goes or changes its meaning, not when one is added.

memstat -json and memstat report -json

  requests        how many the built-in load answers
  stats_peak      the heap's statistics at the peak, with requests in flight
  stats_end       the same at the end, with most sessions expired
  stats_released  the same after a Release of all that is free
  system_peak, system_end, system_released
                  what the kernel says at these moments

memstat classes -json

  classes         an object for each class, smallest first:
    class         its number
    size          bytes of a slot
    span_bytes    bytes of a span
    objects       how many slots a span has
    tail_waste    bytes at the end of a span that make no slot
    max_waste     the worst waste, as a share: 0 to 1
    min_align     the alignment of every slot

memstat waste -json

  file            as it was given
  total           the sum of classes; its class is "all"
  classes         an object for each class that the load has blocks of, the most wasteful first:
    class         "tiny", the class's number, or "large"
    slot          bytes of a slot; 0 for large, where they differ
    blocks        how many blocks
    requested     what they ask for
    rounding      their slots, less what they ask for
    tails         ends of full spans too short for a slot
    bytes         requested + rounding + tails

memstat replay -json, which writes nothing if no trace could be replayed

  replays         an object for each trace that was replayed, in the order of the files:
    file          as it was given
    threads, rounds
                  as they were asked for
    events        how many calls the trace has
    blocks        how many blocks are born in it
    peak_live     the most that lives at once, on one thread
    ns_per_event_best, ns_per_event_median
                  of the rounds: nanoseconds until all threads were done, over events
    rss           the highest resident memory above the level before the first event
    rss_from_stats
                  true where the system does not tell the resident memory, or the process shrank
                  in the first round: rss is then the backed bytes of stats_peak
    rss_over_live rss over the peak_live of all threads, which need not be at their peaks
                  at one moment: it may be below 1; 0 when nothing is ever live
    verifications how often -verify N verified a heap between events; 0 without it
    history       an object for each look at the process during a play that is not timed, and
                  after its last free:
    events        calls that each thread has made
    seconds_after
                  seconds since the last free; 0 before it and at it
    live          bytes that the blocks of all threads asked for
    rss           as above, at that moment; backed bytes where the system does not tell
    stats_peak    the heap's statistics when all threads stand at the peak of live bytes
    stats_end     the same after the last free

memstat ps -json

  processes       an object for each process with an open heap, in the order of their numbers:
    pid           its number
    program       the name of its program
    open_heaps    how many
    live, backed  of all heaps, as below
    rss           what is resident of the process
    age_seconds   how long ago the process wrote the figures of its heaps

memstat report -json TARGET

  pid, program, age_seconds
                  as above; handlers do not tell the first two, nor goroutines and reconciliation
  goroutines      how many it has
  verdict         in words, what most of the resident memory is
  reconciliation  the resident memory taken apart: the sum of all but the last two, less
                  not_resident, is rss
    go_live       objects of the Go heap
    go_overhead   what Go has mapped beside them, and not given back
    live, rounding, span_tail, free_pages, metadata
                  of all heaps, as below
    free_slots    cached_slots + central_slots
    files         pages of files, libraries and shared memory
    other         anonymous memory that neither Go nor spanheap counts
    not_resident  what Go and spanheap count and the kernel does not have in memory
    rss           in memory
  stats           the statistics of all heaps together
  heaps           an object for each heap:
    name, purpose as its Options say
    limit         0 for none
    stats         its statistics

memstat top -json TARGET, an object for each look

  pid, program, age_seconds, rss
                  as above
  mallocs_per_second, frees_per_second
                  blocks, since the look before; left out in the first
  stats           the statistics of all heaps together
  rates           the same two by the names of the classes, from the second look at each on

memstat spans -json PID

  pid             as above
  classes         an object for each class that holds a span:
    name, size, spans
                  as below
    full          how many of the spans have no free slot
    quarter_free, half_free, three_quarters_free, nearly_free
                  how many have free slots, up to so many of all, and more
    held          how many are in the hands of Ps

memstat record, a line for what it is of, and one for each look

  target          the process, or as it was given
  start           the time of the first look
  seconds         since then
  age_seconds     since the process wrote its page
  go_live, go_overhead, live, rounding, span_tail, free_slots, free_pages, metadata, files, other, not_resident, rss
                  as in the reconciliation; 0 what handlers do not tell
  backed          live + rounding + span_tail + free_slots + free_pages + metadata
  waste           backed - live
  classes         an object for each class that holds a span:
    name, live, waste
                  waste is rounding, tails and free slots
  profile         the file with the heap profile of that moment, if there is one

memstat plot -json

  target          as above
  looks, seconds  how many, and from the first to the last
  process         an object for each curve of the whole process, as classes has them
  classes         an object for each class's live bytes, the one that grew most first:
    name          the curve's, or the class's
    first, last, most
                  bytes
    change_per_minute
                  bytes, from the first to the last
    climbs        whether, of nine looks or more, the least of its last third is a hundredth above the most of its first

memstat classes -json TARGET

  pid             as above
  classes         an object for each class that holds a span, as below

The heap's statistics, those of spanheap.Stats

  live            what callers asked for
  rounding        slots of live blocks, less what was asked for
  span_tail       ends of spans too short for a slot
  cached_slots    free slots in the hands of Ps
  central_slots   free slots of spans, as far as they are backed
  free_pages      backed pages in no span
  metadata        span records, slot states, page maps, caches
  backed          the sum of all above: what can count as resident
  released        given back to the operating system, hollow among it
  mapped          backed + released
  untouched       reserved address space that was never used, and guards
  reserved        mapped + untouched
  guards          of untouched, inaccessible pages around guarded blocks, and of freed ones
  huge_asked      of reserved, what the system is asked to back by huge pages
  live_blocks     how many blocks live
  mallocs, frees  how many blocks were allocated, and freed
  spans           how many spans are in use
  arenas          how many arenas are reserved
  classes         an object for each class that holds a span, with its part of the columns above, and:
    name          "tiny", the class's number, "guarded", or "large"
    size          bytes of a slot; 0 for large, where they differ
    hollow        of free slots and tails, given back to the operating system
    span_bytes    live + rounding + span_tail + cached_slots + central_slots + hollow
    slots         how many slots the spans have
    live_slots    how many of them hold live blocks

What the kernel says of the heap's addresses, as spanheap.SystemView has it

  known           false where it says nothing: all else is 0 then
  mapped          may be read and written
  resident        of it, in memory
  swapped         of it, on a swap device
  huge            of resident, in huge pages
  untouched       may not be accessed
  mappings        how many mappings these are
  process         the same of the whole process: resident, swapped, huge, mappings, and
    anonymous     of resident, what is no file's
`
