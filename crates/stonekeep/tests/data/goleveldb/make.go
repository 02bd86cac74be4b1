// Makes the database beside this file, with github.com/syndtr/goleveldb v1.0.0: `go run make.go DIRECTORY`. Its tables have a
// compressed meta block, as no table of RocksDB has.
package main

import (
	"fmt"
	"os"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/util"
)

func main() {
	options := &opt.Options{Filter: filter.NewBloomFilter(10)}
	db, err := leveldb.OpenFile(os.Args[1], options)
	if err != nil {
		panic(err)
	}
	for i := 0; i < 20; i++ {
		if err := db.Put([]byte(fmt.Sprintf("key%02d", i)), []byte("value"), nil); err != nil {
			panic(err)
		}
		if i == 9 {
			if err := db.CompactRange(util.Range{}); err != nil {
				panic(err)
			}
		}
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
}
