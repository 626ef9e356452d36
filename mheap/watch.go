package mheap

// What the page heap tells those who give its free memory back, and those who report it.

// OnStir has f called whenever pages become free, and by Stir. It is called before the heap is used. f is
// called under the heap's lock: it must not wait and must not call the heap.
func (h *Heap) OnStir(f func()) { h.stir = f }

// OnUse has f called whenever pages come into use. It is as OnStir otherwise.
func (h *Heap) OnUse(f func()) { h.used = f }

// Stir tells that what caches hold may change again.
func (h *Heap) Stir() { h.stir() }

// Fits tells whether some free run has so many pages, so that who asks for them need not make the heap take memory.
func (h *Heap) Fits(npages uintptr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.free.bestFit(npages) != nil
}

// FreeBytes returns how many bytes are backed and in no span in use.
func (h *Heap) FreeBytes() uint64 { return h.freePages.Load() << PageShift }

// UsedBytes returns how many bytes the spans in use have. While spans come and go it is a guess.
func (h *Heap) UsedBytes() uint64 { return h.usedPages() << PageShift }

// Peak returns the most that UsedBytes was since the call before.
func (h *Heap) Peak() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.peakPages.Swap(h.usedPages()) << PageShift
}

// noteUse is called when a span in use has begun or grown. The caller holds h.mu.
func (h *Heap) noteUse() {
	h.peakPages.Store(max(h.peakPages.Load(), h.usedPages()))
	h.used()
}

func (h *Heap) usedPages() uint64 {
	arenas, idle := h.arenaCount.Load()*pagesPerArena, h.freePages.Load()+h.scavPages.Load()+h.shutPages.Load()
	return arenas - min(arenas, idle)
}
