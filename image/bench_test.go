package image

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// memoryLike is n bytes as processes have them: pages of pointers, of text,
// of zeros, and some that nothing compresses. To measure with real memory,
// name a file of it in SEANCE_BENCH_MEMORY: it is repeated up to n.
func memoryLike(n int) []byte {
	if path := os.Getenv("SEANCE_BENCH_MEMORY"); path != "" {
		real, err := os.ReadFile(path)
		if err != nil || len(real) == 0 {
			panic(fmt.Sprintf("SEANCE_BENCH_MEMORY: %d bytes, %v", len(real), err))
		}
		return bytes.Repeat(real, n/len(real)+1)[:n]
	}
	const page = 4096
	rnd := rand.New(rand.NewPCG(1, 2))
	words := []string{"session ", "handler ", "{\"id\":", "error: ", "return ", "0x00007f", "\n\t", "config", "=", " "}
	data := make([]byte, n)
	for at := 0; at+page <= n; at += page {
		p := data[at : at+page]
		switch k := rnd.IntN(100); {
		case k < 15: // zeros
		case k < 60: // structures
			base := uint64(0xc000000000) + uint64(rnd.IntN(1<<24))<<3
			for i := 0; i < page; i += 8 {
				switch rnd.IntN(3) {
				case 0:
					binary.LittleEndian.PutUint64(p[i:], base+uint64(rnd.IntN(4096))*8)
				case 1:
					binary.LittleEndian.PutUint64(p[i:], uint64(rnd.IntN(300)))
				}
			}
		case k < 85: // text
			for i := 0; i < page; {
				i += copy(p[i:], words[rnd.IntN(len(words))])
			}
		default:
			for i := 0; i < page; i += 8 {
				binary.LittleEndian.PutUint64(p[i:], rnd.Uint64())
			}
		}
	}
	return data
}

// benchDump is a dump folder of a small image, about half a megabyte of CRIU's
// files and a memory of the given size.
func benchDump(b *testing.B, memory int) string {
	dir := b.TempDir()
	small := memoryLike(512 << 10)
	for i := range 32 {
		writeFile(b, filepath.Join(dir, fmt.Sprintf("core-%d.img", i)), small[i*16<<10:(i+1)*16<<10])
	}
	writeFile(b, filepath.Join(dir, "pages-1.img"), memoryLike(memory))
	return dir
}

// BenchmarkSaveSmall is what the store adds to a save of a small image with
// the init binary of the save before it.
func BenchmarkSaveSmall(b *testing.B) {
	for _, mb := range []int{8, 15} {
		b.Run(fmt.Sprintf("memory=%dMB", mb), func(b *testing.B) {
			s, dump := openStore(b), benchDump(b, mb<<20)
			initPath := filepath.Join(b.TempDir(), "init")
			writeFile(b, initPath, memoryLike(12<<20))
			img := mustSave(b, s, "bench", dump, initPath)
			touch, best := make([]byte, 8), time.Hour
			for b.Loop() {
				// Other memory each time, so that no blob is there already.
				b.StopTimer()
				binary.LittleEndian.PutUint64(touch, rand.Uint64())
				patch(b, filepath.Join(dump, "pages-1.img"), touch)
				b.StartTimer()
				begin := time.Now()
				benchSave(b, s, dump, initPath, img)
				best = min(best, time.Since(begin))
			}
			b.ReportMetric(float64(best)/1e6, "best-ms")
			b.ReportMetric(float64(img.Size())/(1<<20), "MiB-stored")
		})
	}
}

func benchSave(b *testing.B, s *Store, dump, initPath string, last *Image) {
	ctx := context.Background()
	w, err := s.Create(ctx)
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := w.AddTree(ctx, LayerCRIU, dump, IsCRIUFile); err != nil {
			b.Error(err)
		}
	})
	if _, err := w.AddTree(ctx, LayerMemory, dump, IsMemoryFile); err != nil {
		b.Fatal(err)
	}
	if last != nil {
		if _, err := w.AddFile(ctx, LayerInit, initPath, last.Config.Init); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
	if _, err := w.Commit(ctx, Ref{Name: "bench"}, testConfig()); err != nil {
		b.Fatal(err)
	}
}

func patch(b *testing.B, path string, data []byte) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLevels compares the settings newEncoder could have, on one core.
func BenchmarkLevels(b *testing.B) {
	data := memoryLike(16 << 20)
	for name, options := range map[string][]zstd.EOption{
		"fastest":         {zstd.WithEncoderLevel(zstd.SpeedFastest)},
		"fastest,literal": {zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithNoEntropyCompression(true)},
		"default":         {zstd.WithEncoderLevel(zstd.SpeedDefault)},
	} {
		b.Run(name, func(b *testing.B) {
			enc, err := zstd.NewWriter(nil, append(options, zstd.WithEncoderCRC(false), zstd.WithEncoderConcurrency(1))...)
			if err != nil {
				b.Fatal(err)
			}
			var packed int
			var out []byte
			best := time.Hour
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				packed = 0
				begin := time.Now()
				for at := 0; at < len(data); at += chunkSize {
					out = enc.EncodeAll(data[at:at+chunkSize], out[:0])
					packed += len(out)
				}
				best = min(best, time.Since(begin))
			}
			b.ReportMetric(float64(best)/1e6, "best-ms")
			b.ReportMetric(float64(len(data))/float64(packed), "ratio")
		})
	}
}

// BenchmarkSave1GiB is the same with much memory. -short leaves it out.
func BenchmarkSave1GiB(b *testing.B) {
	if testing.Short() {
		b.Skip("takes 2 GiB of disk: not with -short")
	}
	s, dump := openStore(b), benchDump(b, 1<<30)
	b.SetBytes(1 << 30)
	for b.Loop() {
		benchSave(b, s, dump, "", nil)
	}
}

// BenchmarkExtractSmall reads a small image back: CRIU's files and memory, as
// every boot does, and with the init binary, as a boot by another seance does.
func BenchmarkExtractSmall(b *testing.B) {
	for _, withInit := range []bool{false, true} {
		b.Run(fmt.Sprintf("init=%v", withInit), func(b *testing.B) {
			s, dump := openStore(b), benchDump(b, 15<<20)
			initPath := filepath.Join(b.TempDir(), "init")
			writeFile(b, initPath, memoryLike(12<<20))
			mustSave(b, s, "bench", dump, initPath)
			kinds := []LayerKind{LayerCRIU, LayerMemory}
			if withInit {
				kinds = append(kinds, LayerInit)
			}
			top, best := b.TempDir(), time.Hour
			for b.Loop() {
				dir := filepath.Join(top, "out")
				begin := time.Now()
				benchExtract(b, s, kinds, dir)
				best = min(best, time.Since(begin))
				b.StopTimer()
				if err := os.RemoveAll(dir); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(best)/1e6, "best-ms")
		})
	}
}

func benchExtract(b *testing.B, s *Store, kinds []LayerKind, dir string) {
	ctx := context.Background()
	img, err := s.Get(ctx, "bench")
	if err != nil {
		b.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, k := range kinds {
		wg.Go(func() {
			if err := img.Extract(ctx, k, dir); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
}
